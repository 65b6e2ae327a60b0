# The mtxpilot agent. docker build -t mtxpilot .
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install --no-save
COPY . .
# A command that ran once left what Node compiled beside the code.
RUN npm run build && node dist/cli/main.js --help >/dev/null && npm prune --omit=dev

FROM node:24-bookworm-slim
# Operators' orders and events are kept in /data: mount a volume there, or they go with the container.
ENV NODE_ENV=production MTXPILOT_STORE_FOLDER=/data
RUN mkdir /data && chown node:node /data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
# SPOE, HTTP (API, dashboard, metrics), peers. They listen on loopback until MTXPILOT_*_LISTEN says otherwise.
EXPOSE 9100 9101 9102
HEALTHCHECK --interval=5s --timeout=2s CMD ["node", "-e", "fetch('http://127.0.0.1:9101/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["agent"]
