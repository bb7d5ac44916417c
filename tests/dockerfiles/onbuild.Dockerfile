FROM node:20
ENV APP=/app DATA=data
ONBUILD ARG KIND=prod
ONBUILD COPY package.json ${DATA}/*.json /app/
ONBUILD COPY config.$KIND /app/
ONBUILD ADD . /app/
ONBUILD RUN --mount=type=bind,source=tools,target=/t --mount=from=builder,target=/b npm install
ONBUILD COPY --from=assets:1 /x /x
ONBUILD COPY --from=0 /y /y
ONBUILD CMD ["npm", "start"]
