FROM scratch
COPY rootfs /
COPY --from=scratch / /
RUN --mount=type=bind,from=scratch,target=/n true
