FROM debian:12
# this comment ends in a backslash \
RUN one
RUN two && \
    # so does this one \
    three
