ARG BASE=debian:12
FROM $BASE
RUN a && \
    b
COPY <<EOF /x
line
EOF

CMD ["a"]
