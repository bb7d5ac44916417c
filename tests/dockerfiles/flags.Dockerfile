FROM --platform=linux/amd64 debian:12 AS Flags
RUN --mount=type=bind,source=a,target=/a --mount=type=cache,target=/c \
    --network=none \
    make
RUN --mount="type=bind,src=quoted dir,dst=/q" -- true --not-a-flag
COPY --chown='1000:100' a b
RUN --security=sandbox --mount=type=secret,id=s --mount=type=ssh --mount=type=tmpfs,target=/t,size=10m x
RUN --mount=target=/everything --mount=type=cache,from=seed:1,source=/seed,target=/seed x
