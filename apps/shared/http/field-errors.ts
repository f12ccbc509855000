import { BadRequestException, HttpStatus } from '@nestjs/common';
import type { ValidationError } from '@nestjs/common';

/** A 400 that lists the errors of each field, named by its path such as `audience.limit`. */
export const fieldErrors = (errors: readonly ValidationError[]): BadRequestException =>
  badRequest(Object.fromEntries(errors.flatMap((error) => linesOf(error, ''))));

export const badRequest = (errors: Readonly<Record<string, readonly string[]>>): BadRequestException =>
  new BadRequestException({
    statusCode: HttpStatus.BAD_REQUEST,
    error: 'Bad Request',
    message: 'Validation failed',
    errors,
  });

const linesOf = ({ property, constraints, children }: ValidationError, above: string): [string, string[]][] => {
  const path = `${above}${property}`;
  const below = (children ?? []).flatMap((child) => linesOf(child, `${path}.`));
  return constraints ? [[path, Object.values(constraints)], ...below] : below;
};
