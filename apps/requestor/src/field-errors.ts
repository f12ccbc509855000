import { BadRequestException, HttpStatus } from '@nestjs/common';
import type { ValidationError } from '@nestjs/common';

/** 400 that says for each field, named by its path such as `audience.limit`, what is wrong with it. */
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
