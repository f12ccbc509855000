import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { IncomingMessage } from 'node:http';
import { badRequest } from '../field-errors.js';

const HEADER = 'Idempotency-Key';
const MAX_KEY_CHARACTERS = 255;

/** Parameter decorator: the caller's key, if the request has one. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string | undefined => {
  const key = context.switchToHttp().getRequest<IncomingMessage>().headers[HEADER.toLowerCase()];
  if (key === undefined || (typeof key === 'string' && isWellFormed(key))) return key;
  throw badRequest({ [HEADER]: [`${HEADER} must have 1 to ${MAX_KEY_CHARACTERS} characters`] });
});

/** Documents in the API description that a route takes the key. */
export const ApiIdempotencyKey = (effect: string): MethodDecorator =>
  ApiHeader({ name: HEADER, required: false, description: `Same key within 24 hours: same ${effect}` });

const isWellFormed = (key: string): boolean => key.trim() !== '' && key.length <= MAX_KEY_CHARACTERS;
