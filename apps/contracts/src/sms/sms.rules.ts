import { applyDecorators } from '@nestjs/common';
import { Length, Matches } from 'class-validator';

export const MAX_SMS_CHARACTERS = 1_600;
export const E164 = /^\+[1-9]\d{1,14}$/;

/** E.164: a plus sign, the country code, at most 15 digits in total. */
export const IsPhoneNumber = (): PropertyDecorator =>
  applyDecorators(Matches(E164, { message: 'number must be a phone number in E.164 form, such as +420601123456' }));

/** The length counts code points, not UTF-16 units. */
export const IsSmsText = (): PropertyDecorator =>
  applyDecorators(
    Length(1, MAX_SMS_CHARACTERS, { message: `text must be a string of 1 to ${MAX_SMS_CHARACTERS} characters` }),
  );
