FROM debian:12
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN ["one", "two words", "th\u00e9"]
RUN [ "not json" ] || true
RUN ["trailing"] and more
CMD []
ENTRYPOINT [ "tini" , "--" ]
VOLUME ["/a", "/b c"]
VOLUME /d /e
HEALTHCHECK --interval=30s --retries=3 CMD ["ping", "-c1"]
HEALTHCHECK   CMD   curl -f http://localhost/ || exit 1
