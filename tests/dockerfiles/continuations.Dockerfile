FROM debian:12
RUN one \

    two \
    # three

  # four
    five\\
RUN six\
RUN \
seven
RUN eight && \
