FROM debian:12
ENV DIR=/data/in A="a b"
COPY ["with space", "b*", "/there/"]
COPY --chown=1000:100 --link . /all/
COPY ./x/../y //z /there/
COPY "$DIR" 'quoted-$DIR' dol\$lar [[]x] /there/
COPY ${DIR}/*.csv /there/
ADD --keep-git-dir=true https://git.example/x.git#v1 https://files.example/$NOT_KNOWN.tgz local.tgz /there/
ADD git@git.example:x/y.git /there/
COPY --exclude=*.md --exclude=tmp docs /docs/
COPY --parents src/./lib/**/*.py /there/
