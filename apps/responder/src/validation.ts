import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { validate } from 'class-validator';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';

/** An event that breaks its contract becomes a dead letter at once: further attempts would fail the same way. */
export const eventValidation = (): ValidationPipe =>
  new ValidationPipe({
    exceptionFactory: (errors) => new RedisStreamUnrecoverableError(`Invalid event: ${reasons(errors)}`),
  });

/** A request that breaks its contract is answered with its validation errors. */
export const requestValidation = (): ValidationPipe =>
  new ValidationPipe({ exceptionFactory: (errors) => new RpcException(`Invalid request: ${reasons(errors)}`) });

/** @returns why the event breaks its contract; undefined if it keeps it */
export const breachOf = async (event: object): Promise<string | undefined> => {
  const errors = await validate(event);
  return errors.length > 0 ? reasons(errors) : undefined;
};

const reasons = (errors: readonly ValidationError[]): string =>
  errors.flatMap(({ constraints, children }) => [...Object.values(constraints ?? {}), ...nested(children)]).join('; ');

const nested = (children: readonly ValidationError[] | undefined): string[] =>
  children?.length ? [reasons(children)] : [];
