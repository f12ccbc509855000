import type { NestExpressApplication } from '@nestjs/platform-express';
import type { ServerResponse } from 'node:http';
import { DOCS_PATH } from './openapi.js';

const OWN_FILES_ONLY: Readonly<Record<string, string>> = {
  defaultSrc: "'self'",
  baseUri: "'none'",
  objectSrc: "'none'",
  formAction: "'self'",
  frameAncestors: "'none'",
};

/** The API page of Swagger has styles in its HTML and images in its styles. */
const DOCS_POLICY =
  "default-src 'self';style-src 'self' 'unsafe-inline';img-src 'self' data:;" +
  "base-uri 'none';object-src 'none';form-action 'self';frame-ancestors 'none'";

/** Headers that restrict what a browser does with a response. Must be called before anything answers. */
export const secureResponses = (app: NestExpressApplication): void => {
  app.useSecurityHeaders({
    contentSecurityPolicy: { useDefaults: false, directives: OWN_FILES_ONLY },
    xFrameOptions: { action: 'deny' },
    // Up to the proxy in front that has the certificate: this server speaks plain HTTP.
    strictTransportSecurity: false,
  });
  app.use(`/${DOCS_PATH}`, (_request: unknown, response: ServerResponse, next: () => void) => {
    response.setHeader('Content-Security-Policy', DOCS_POLICY);
    next();
  });
};
