# check=skip=all
# escape=`
FROM debian:12
COPY a`b c`
     /there/
RUN echo \
