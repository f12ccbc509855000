import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** OpenAPI page at `/docs`, the document itself at `/docs-json`. */
export const serveDocs = (app: INestApplication): void => {
  const config = new DocumentBuilder()
    .setTitle('Requestor')
    .setDescription('HTTP in, Redis Streams out: the sample gateway of nestjs-redis-stream-transport.')
    .setVersion('1')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, config));
};
