import { ValidationPipe } from '@nestjs/common';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';

/** An event that breaks its contract goes to the dead letters at once: no further attempt would mend it. */
export const eventValidation = (): ValidationPipe =>
  new ValidationPipe({
    exceptionFactory: (errors) => {
      const reasons = errors.flatMap(({ constraints }) => Object.values(constraints ?? {}));
      return new RedisStreamUnrecoverableError(`Not a valid event: ${reasons.join('; ')}`);
    },
  });
