import type { NestExpressApplication } from '@nestjs/platform-express';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

const FILES = fileURLToPath(new URL('../public', import.meta.url));

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // Revalidated on every load and answered with 304 while unchanged: the file names carry no version.
  'Cache-Control': 'no-cache',
};

/** The page at `/`: static files that may load nothing from other origins and run no inline script. */
export const servePage = (app: NestExpressApplication): void => {
  app.useStaticAssets(FILES, {
    redirect: false,
    setHeaders: (response: ServerResponse) => {
      for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    },
  });
};
