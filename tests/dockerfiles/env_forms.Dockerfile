FROM scratch
ENV A=1 B="two words" C=thr\ ee D='four $A' E=$A
ENV OLD form with   spaces
ENV X=$A$B \
    Y=${X:-unset}
COPY $A ${OLD} ${X} $Y /there/
LABEL a.b="c" "d e"=f g='$A'
