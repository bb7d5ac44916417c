FROM debian:12 AS Build
RUN make
FROM build AS Test
FROM alpine
COPY --from=BUILD /a /a
COPY --from=1 /b /b
COPY --from=alpine:3 /c /c
RUN --mount=type=bind,from=Build,target=/m --mount=type=bind,from=busybox,target=/n true
