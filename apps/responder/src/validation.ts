import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';

/** An event that breaks its contract goes to the dead letters at once: no further attempt would mend it. */
export const eventValidation = (): ValidationPipe =>
  new ValidationPipe({
    exceptionFactory: (errors) => new RedisStreamUnrecoverableError(`Not a valid event: ${reasons(errors)}`),
  });

/** A request that breaks its contract is answered with what is wrong with it. */
export const requestValidation = (): ValidationPipe =>
  new ValidationPipe({ exceptionFactory: (errors) => new RpcException(`Not a valid request: ${reasons(errors)}`) });

const reasons = (errors: readonly ValidationError[]): string =>
  errors.flatMap(({ constraints, children }) => [...Object.values(constraints ?? {}), ...nested(children)]).join('; ');

const nested = (children: readonly ValidationError[] | undefined): string[] =>
  children?.length ? [reasons(children)] : [];
