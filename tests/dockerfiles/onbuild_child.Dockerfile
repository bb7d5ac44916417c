ARG TAG=1
FROM node-onbuild:$TAG
