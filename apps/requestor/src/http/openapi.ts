import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { describeErrors } from './described-errors.js';
import { ErrorDto, FieldErrorsDto } from './error.dto.js';

export const DOCS_PATH = 'docs';

/** OpenAPI page at `/docs`, the document itself at `/docs-json`. */
export const serveDocs = (app: INestApplication): void => {
  SwaggerModule.setup(DOCS_PATH, app, () => documentOf(app));
};

export const documentOf = (app: INestApplication): OpenAPIObject => {
  const config = new DocumentBuilder()
    .setTitle('Requestor')
    .setDescription('HTTP in, Redis Streams out: the sample gateway of nestjs-redis-stream-transport.')
    .setVersion('1')
    .build();
  const document = SwaggerModule.createDocument(app, config, { extraModels: [ErrorDto, FieldErrorsDto] });
  describeErrors(document);
  return document;
};
