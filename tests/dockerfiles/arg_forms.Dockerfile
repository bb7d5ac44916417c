ARG V
ARG E=
ARG U=ubuntu
ARG A=${V:-${U}} B="${E:-debian}:12" C=${E-never} D=${U:+is-$U} F=${V:+never}${V+never}
ARG G=${U#ub} H=${U##*u} I=${U%tu} J=${U%%u*} K=${U/u/o} L=${U//u/o}
ARG M='$U' N=\$U O=${U}x
FROM ${A}
FROM ${B} AS b
FROM ${C:-${D}} AS d
FROM x${G}:${H:-empty} AS g
FROM ${I}${J}/${K}:${L} AS k
COPY --from=b /b /b
COPY --from=d /d /d
COPY --from=g /g /g
COPY --from=0 /a /a
