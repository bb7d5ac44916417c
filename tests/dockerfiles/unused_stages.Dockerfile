ARG UNUSED=nobody/uses:this
FROM $UNUSED AS unused
COPY unused /unused
FROM debian:12 AS tools
COPY tools /tools
FROM alpine:3 AS test
COPY --from=tools /tools /tools
COPY test /test
FROM debian:12
COPY --from=tools /tools /tools
