import { HttpStatus } from '@nestjs/common';
import { getSchemaPath } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { STATUS_CODES } from 'node:http';
import { IDEMPOTENCY_KEY } from '../messaging/idempotency-key.js';
import { ErrorDto, FieldErrorsDto } from './error.dto.js';
import { isLimited } from './rate-limit.js';
import type { ErrorBody } from '#http';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;
type Responses = Operation['responses'];
type ApiResponse = Exclude<NonNullable<Responses[string]>, { $ref: string }>;
type Content = NonNullable<ApiResponse['content']>;

const BAD_REQUEST: number = HttpStatus.BAD_REQUEST;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/**
 * Adds to each operation the errors that every operation of its kind can have, and to each error the body that
 * `ErrorFilter` sends. A decorator at the operation adds further errors, describes one in other words, or gives it
 * another body.
 */
export const describeErrors = ({ paths }: OpenAPIObject): void => {
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation)
        operation.responses = withBodies({ ...commonErrors(path, method, operation), ...operation.responses });
    }
  }
};

const commonErrors = (
  path: string,
  method: (typeof METHODS)[number],
  { requestBody, parameters, responses }: Operation,
): Responses => {
  const hasKey = parameters?.some((each) => 'name' in each && each.name === IDEMPOTENCY_KEY) ?? false;
  return {
    ...errors({
      [HttpStatus.MISDIRECTED]: 'The Host header names a host that this server does not serve',
      [HttpStatus.SERVICE_UNAVAILABLE]: 'Redis does not answer',
    }),
    ...(isLimited(path) &&
      errors({
        [HttpStatus.TOO_MANY_REQUESTS]: 'The address sends too many requests; Retry-After says how long to wait',
      })),
    ...(path.includes('{') && errors({ [HttpStatus.BAD_REQUEST]: 'The path cannot be decoded' })),
    // A body that an operation does not need is read all the same.
    ...(method !== 'get' &&
      errors({
        [HttpStatus.BAD_REQUEST]: 'The path or the body cannot be read; nothing was changed',
        [HttpStatus.FORBIDDEN]: 'A page of another site sent the request',
        [HttpStatus.PAYLOAD_TOO_LARGE]: 'The body is too large',
        [HttpStatus.UNSUPPORTED_MEDIA_TYPE]: 'The Content-Type of the body is not application/json',
      })),
    ...(requestBody !== undefined && errors({ [HttpStatus.BAD_REQUEST]: 'The body is not valid; nothing was stored' })),
    ...(hasKey && errors({ [HttpStatus.UNPROCESSABLE_ENTITY]: 'The Idempotency-Key was used for another body' })),
    ...(HttpStatus.GATEWAY_TIMEOUT in responses && errors({ [HttpStatus.BAD_GATEWAY]: 'The responder failed' })),
  };
};

const errors = (descriptions: Readonly<Record<number, string>>): Responses =>
  Object.fromEntries(Object.entries(descriptions).map(([status, description]) => [status, { description }]));

const withBodies = (responses: Responses): Responses =>
  Object.fromEntries(
    Object.entries(responses).map(([status, response]) => {
      if (Number(status) < 400 || !isBare(response)) return [status, response];
      return [status, { ...response, content: bodyOf(Number(status), response) }];
    }),
  );

const isBare = (response: Responses[string]): response is ApiResponse =>
  response !== undefined && !('$ref' in response) && response.content === undefined;

const bodyOf = (statusCode: number, { description }: ApiResponse): Content => {
  const example: ErrorBody = { statusCode, error: STATUS_CODES[statusCode] ?? 'Error', message: description };
  const schema = { $ref: getSchemaPath(ErrorDto) };
  if (statusCode !== BAD_REQUEST) return { 'application/json': { schema, example } };
  const value: Pick<FieldErrorsDto, keyof FieldErrorsDto> = {
    ...example,
    message: 'Validation failed',
    errors: { field: ['what is wrong with it'] },
  };
  return {
    'application/json': {
      schema: { oneOf: [{ $ref: getSchemaPath(FieldErrorsDto) }, schema] },
      examples: {
        fields: { summary: 'Some fields are not valid', value },
        whole: { summary: 'The request as a whole is not valid', value: example },
      },
    },
  };
};
