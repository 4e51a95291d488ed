# One node of a cluster. Its configuration is JSON in TRESTLE_NODE_CONFIG (src/cli/process-contract.ts, NodeConfig).
ARG BASE_IMAGE=node:24-bookworm-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build

FROM ${BASE_IMAGE} AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM ${BASE_IMAGE}
WORKDIR /trestle
COPY package.json ./
COPY --from=dependencies /dependencies/node_modules node_modules
COPY --from=build /build/dist dist
RUN mkdir /data && chown node /data
USER node
VOLUME /data
EXPOSE 9010 9020 7000
# A busy machine is not a sick node: each check starts a process.
HEALTHCHECK --interval=3s --timeout=10s --retries=5 --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9020/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "dist/cli/main.js"]
CMD ["node"]
