# The reference is put together from defaults that are themselves put together.
ARG REGISTRY=quay.example
ARG OWNER=lab
ARG BASE_IMAGE=$REGISTRY/$OWNER/scipy-notebook
FROM $BASE_IMAGE

LABEL maintainer="Lab <lab@example.org>"
ARG OWNER
RUN echo "$OWNER" && \
    # a comment in between
    true
