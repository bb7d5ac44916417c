FROM --platform=$BUILDPLATFORM golang:1 AS build
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build
FROM --platform=linux/$TARGETARCH debian:12-slim
COPY --from=build /go/bin/x /usr/bin/x
