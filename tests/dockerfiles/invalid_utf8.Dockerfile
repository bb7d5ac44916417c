FROM debian:12
RUN echo "ÿþ" \
  â‚
COPY café /x
