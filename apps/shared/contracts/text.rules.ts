import { applyDecorators } from '@nestjs/common';
import { ValidateBy } from 'class-validator';

const CONTROL = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Surrogate}/u;
const CONTROL_WITHIN_A_LINE = /[^\P{Cc}\t\r\n]/u;

/** Text of one line, such as a name: without line breaks, tabs and other control characters. */
export const IsLine = (field: string, max: number): PropertyDecorator => textOf(field, max, CONTROL);

/** Text of any number of lines: line breaks and tabs are the only control characters. */
export const IsText = (field: string, max: number): PropertyDecorator => textOf(field, max, CONTROL_WITHIN_A_LINE);

/**
 * Postgres stores no NUL, and a terminal or a mail client acts on other control characters. Half of a surrogate pair is
 * not a character: it cannot be encoded, and every encoder puts something else in its place. The length counts code
 * points, neither UTF-16 units nor, as class-validator's `Length`, characters without their variation selectors.
 */
const textOf = (field: string, max: number, forbidden: RegExp): PropertyDecorator =>
  applyDecorators(
    rule('hasLength', `${field} must be a string of 1 to ${max} characters`, (value) => hasLength(value, max)),
    rule('hasNoControlCharacters', `${field} must not contain control characters`, unlessText(forbidden)),
    rule('isWellFormed', `${field} must not contain half a surrogate pair`, unlessText(LONE_SURROGATE)),
  );

const rule = (name: string, message: string, validate: (value: unknown) => boolean): PropertyDecorator =>
  ValidateBy({ name, validator: { validate, defaultMessage: () => message } });

const hasLength = (value: unknown, max: number): boolean => {
  // A code point has two UTF-16 units at most, so a text that is far too long is not taken apart.
  if (typeof value !== 'string' || value.length > 2 * max) return false;
  const { length } = Array.from(value);
  return length >= 1 && length <= max;
};

/** What is not a string has broken the first rule already. */
const unlessText =
  (forbidden: RegExp) =>
  (value: unknown): boolean =>
    typeof value !== 'string' || !forbidden.test(value);
