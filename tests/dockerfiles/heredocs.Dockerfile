FROM python:3.12
RUN <<EOF
FROM evil
from os import path
EOF
RUN python3 - <<'PY' && cat <<-TABS
# comment ${NOT} expanded
import os \
PY
	indented
	TABS
COPY <<one.txt <<"two.txt" real.txt /there/
first $HOME
one.txt
second $HOME
two.txt
ADD <<EOF /x

EOF
RUN echo "<<EOF is quoted" 'and <<EOF' a<<b 1<2
