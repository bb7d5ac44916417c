FROM debian:12 AS base
ENV WHERE=etc
ONBUILD COPY $WHERE/app.conf /etc/
ONBUILD COPY --from=licences:2 /l /l
FROM base
COPY rest /rest
