import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { Environment } from '../../../apps/shared/platform/environment.js';
import { AppModule } from '../../../apps/requestor/src/app.module.js';
import { documentOf } from '../../../apps/requestor/src/http/openapi.js';
import { readSettings } from '../../../apps/requestor/src/settings.js';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;
type ApiResponse = Operation['responses'][string];

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const REFERENCE = /"\$ref":"#\/components\/schemas\/([^"]+)"/g;

describe('the description of the API', () => {
  let document: OpenAPIObject;
  let operations: readonly (readonly [name: string, operation: Operation])[];

  beforeAll(async () => {
    const settings = readSettings(new Environment({ REDIS_URL: 'redis://127.0.0.1:6379' }));
    // A preview creates no providers, and so no connections.
    const app = await NestFactory.create(AppModule.with(settings), {
      preview: true,
      logger: false,
      abortOnError: false,
    });
    document = documentOf(app);
    operations = Object.entries(document.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method];
        return operation ? [[`${method.toUpperCase()} ${path}`, operation] as const] : [];
      }),
    );
  });

  const errorsOf = (operation: Operation): [string, ApiResponse][] =>
    Object.entries(operation.responses).filter(([status]) => Number(status) >= 400);

  const statusesOf = (name: string): string[] =>
    Object.keys(operations.find(([each]) => each === name)?.[1].responses ?? {});

  /** Names of the schemas that the JSON body of a response refers to. */
  const schemasOf = (response: ApiResponse): string[] => {
    const schema = response && 'content' in response ? response.content?.['application/json']?.schema : undefined;
    return [...JSON.stringify(schema ?? {}).matchAll(REFERENCE)].map(([, name]) => name ?? '');
  };

  it('covers the whole API', () => {
    const names = operations.map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'POST /sms',
        'POST /api/v1/campaigns',
        'POST /api/v1/campaigns/{id}/pause',
        'GET /health',
      ]),
    );
    expect(names.length).toBeGreaterThanOrEqual(20);
  });

  it('has a known schema for the body of every error of every operation', () => {
    const bare = operations.flatMap(([name, operation]) =>
      errorsOf(operation)
        .filter(([, response]) => {
          const schemas = schemasOf(response);
          return schemas.length === 0 || !schemas.every((each) => each in (document.components?.schemas ?? {}));
        })
        .map(([status]) => `${name}: ${status}`),
    );
    expect(bare).toEqual([]);
  });

  it('gives every error body the three fields that all errors have', () => {
    const used = new Set(
      operations.flatMap(([, operation]) => errorsOf(operation).flatMap(([, each]) => schemasOf(each))),
    );
    expect([...used].sort()).toEqual(['CampaignConflictDto', 'ErrorDto', 'FieldErrorsDto', 'IllHealthDto']);
    for (const name of used) {
      expect(document.components?.schemas?.[name]).toMatchObject({
        properties: { statusCode: expect.anything(), error: expect.anything(), message: expect.anything() },
        required: expect.arrayContaining(['statusCode', 'error', 'message']),
      });
    }
    expect(document.components?.schemas?.['FieldErrorsDto']).toMatchObject({
      required: expect.arrayContaining(['errors']),
    });
  });

  it('has an example whose status is that of the response', () => {
    const { '/sms/{uuid}': sms, '/sms': list } = document.paths;
    expect(sms?.get?.responses['404']).toMatchObject({
      content: { 'application/json': { example: { statusCode: 404, error: 'Not Found', message: 'No such SMS' } } },
    });
    expect(list?.post?.responses['400']).toMatchObject({
      content: {
        'application/json': {
          examples: {
            fields: { value: { statusCode: 400, error: 'Bad Request', errors: expect.anything() } },
            whole: { value: { statusCode: 400, error: 'Bad Request', message: expect.any(String) } },
          },
        },
      },
    });
  });

  it('lists the errors of each kind of operation', () => {
    const write = ['400', '403', '413', '415', '421', '503'];
    for (const [name, { responses }] of operations) {
      const expected = name.startsWith('GET ') ? ['421', '503'] : write;
      expect({ name, isLimited: '429' in responses }).toEqual({
        name,
        isLimited: !/campaigns\/events$|health$/.test(name),
      });
      expect({ name, statuses: Object.keys(responses) }).toEqual({ name, statuses: expect.arrayContaining(expected) });
    }
    expect(statusesOf('POST /sms')).toEqual(['202', '400', '403', '413', '415', '421', '422', '429', '503']);
    expect(statusesOf('POST /api/v1/campaigns')).toEqual(statusesOf('POST /sms'));
    expect(statusesOf('GET /sms/{uuid}')).toEqual(['200', '400', '404', '421', '429', '502', '503', '504']);
    expect(statusesOf('GET /api/v1/campaigns/{id}/events')).toEqual(statusesOf('GET /sms/{uuid}').slice(1));
    expect(statusesOf('GET /api/v1/campaign/create')).toEqual(['202', '403', '421', '429', '503']);
    expect(statusesOf('POST /api/v1/campaigns/{id}/cancel')).toEqual(
      expect.arrayContaining(['200', '403', '404', '409', '415', '502', '504']),
    );
    expect(statusesOf('POST /stream/echo')).toEqual(expect.arrayContaining(['400', '413', '504']));
  });
});
