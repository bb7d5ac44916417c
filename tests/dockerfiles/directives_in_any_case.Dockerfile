#  Syntax = docker/dockerfile:1.7-labs
#ESCAPE=`
# not a directive, so what follows is none either
# escape=\
FROM debian:12
RUN a `
  b \
