# The sample apps, for docker-compose.e2e.yml. The library itself is published to npm, not as an image.
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json .swcrc ./
COPY lib ./lib
COPY apps ./apps
USER node
ENV HOST=0.0.0.0
# Each service overrides this. No shell and no npm in between, so the app itself receives the signals.
CMD ["node", "--import", "@swc-node/register/esm-register", "apps/responder/src/main.ts"]
