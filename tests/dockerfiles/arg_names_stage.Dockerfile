# The root image counts only as long as ROOT_IMAGE is left alone.
ARG ROOT_IMAGE=default_root_image
FROM ubuntu:24.04 AS default_root_image
RUN apt-get update
FROM $ROOT_IMAGE
ARG NB_USER="jovyan"
COPY --chmod=0755 run-hooks.sh start.sh /usr/local/bin/
