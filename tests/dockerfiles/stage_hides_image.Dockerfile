# From here on "debian" is the stage.
FROM debian:12 AS debian
RUN true
FROM debian
COPY --from=debian / /
FROM ubuntu AS ubuntu
COPY --from=1 / /
