FROM debian:12
LABEL greeting="Grüße, 世界" 名="値"
COPY größe.txt /ü/
RUN echo 'ß still the same lineand here'
