import type { NestExpressApplication } from '@nestjs/platform-express';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

const FILES = fileURLToPath(new URL('../../public', import.meta.url));

/** The page at `/`: static files. */
export const servePage = (app: NestExpressApplication): void => {
  app.useStaticAssets(FILES, {
    redirect: false,
    // Revalidated on every load and answered with 304 while unchanged: the file names carry no version.
    setHeaders: (response: ServerResponse) => response.setHeader('Cache-Control', 'no-cache'),
  });
};
