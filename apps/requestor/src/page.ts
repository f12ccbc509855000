import type { NestExpressApplication } from '@nestjs/platform-express';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

const FILES = fileURLToPath(new URL('../public', import.meta.url));

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // Asked for anew each time, answered with 304 while it is the same: the names of the files hold no version.
  'Cache-Control': 'no-cache',
};

/** The page at `/`: files as they are, which may load nothing from elsewhere and run nothing that stands in a text. */
export const servePage = (app: NestExpressApplication): void => {
  app.useStaticAssets(FILES, {
    redirect: false,
    setHeaders: (response: ServerResponse) => {
      for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    },
  });
};
