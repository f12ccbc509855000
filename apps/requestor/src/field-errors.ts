import { BadRequestException, HttpStatus } from '@nestjs/common';
import type { ValidationError } from '@nestjs/common';

/** 400 that says for each field what is wrong with it. */
export const fieldErrors = (errors: readonly ValidationError[]): BadRequestException =>
  new BadRequestException({
    statusCode: HttpStatus.BAD_REQUEST,
    error: 'Bad Request',
    message: 'Validation failed',
    errors: Object.fromEntries(errors.map(({ property, constraints }) => [property, Object.values(constraints ?? {})])),
  });
