import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { IncomingMessage } from 'node:http';
import { badRequest } from '#http';

export const IDEMPOTENCY_KEY = 'Idempotency-Key';
const MAX_KEY_CHARACTERS = 255;

/** Parameter decorator: the caller's key, if the request has one. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string | undefined => {
  const key = context.switchToHttp().getRequest<IncomingMessage>().headers[IDEMPOTENCY_KEY.toLowerCase()];
  if (key === undefined || (typeof key === 'string' && isWellFormed(key))) return key;
  throw badRequest({ [IDEMPOTENCY_KEY]: [`${IDEMPOTENCY_KEY} must have 1 to ${MAX_KEY_CHARACTERS} characters`] });
});

/** Documents in the API description that a route takes the key. */
export const ApiIdempotencyKey = (effect: string): MethodDecorator =>
  ApiHeader({
    name: IDEMPOTENCY_KEY,
    required: false,
    description: `Same key and same body within 24 hours: same ${effect}. Same key and another body: 422`,
  });

const isWellFormed = (key: string): boolean => key.trim() !== '' && key.length <= MAX_KEY_CHARACTERS;
