import { applyDecorators } from '@nestjs/common';
import { Length, ValidateBy } from 'class-validator';

const CONTROL = /\p{Cc}/u;
const CONTROL_WITHIN_A_LINE = /[^\P{Cc}\t\r\n]/u;

/** Text of one line, such as a name: without line breaks, tabs and other control characters. */
export const IsLine = (field: string, max: number): PropertyDecorator => textOf(field, max, CONTROL);

/** Text of any number of lines: line breaks and tabs are the only control characters. */
export const IsText = (field: string, max: number): PropertyDecorator => textOf(field, max, CONTROL_WITHIN_A_LINE);

/**
 * Postgres stores no NUL, and a terminal or a mail client acts on other control characters. The length counts code
 * points, not UTF-16 units.
 */
const textOf = (field: string, max: number, forbidden: RegExp): PropertyDecorator =>
  applyDecorators(
    Length(1, max, { message: `${field} must be a string of 1 to ${max} characters` }),
    ValidateBy({
      name: 'hasNoControlCharacters',
      validator: {
        // What is not a string has broken the first rule already.
        validate: (value: unknown): boolean => typeof value !== 'string' || !forbidden.test(value),
        defaultMessage: () => `${field} must not contain control characters`,
      },
    }),
  );
