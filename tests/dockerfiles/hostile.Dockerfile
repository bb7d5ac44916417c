# syntax=docker/dockerfile:1
#check=skip=all
# ESCAPE = `
# FROM never/used
ARG R=reg.example/
ARG IMG="${R}root" TAG
ARG BASE=${IMG}:${TAG:-1}@sha256:0000000000000000000000000000000000000000000000000000000000000000
ARG START=begin
FROM `
  # the image

  $BASE AS Begin
FROM unused/image AS unused
FROM $START AS middle
RUN <<EOF && cat <<"FROM"
FROM evil
EOF
COPY --from=evil / /
FROM
COPY --from=BEGIN --chmod=755 /a `
 # x `
 /b
ENV P=pa`$th Q="$P"
COPY ${Q}/x ["no", "json"] /y/
FROM middle
RUN --mount=type=bind,from=begin,target=/m --mount=type=bind,source=$Q,target=/q echo \
RUN done `