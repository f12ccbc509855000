import { applyDecorators } from '@nestjs/common';
import { Matches } from 'class-validator';
import { IsText } from '../text.rules.js';

export const MAX_SMS_CHARACTERS = 1_600;
export const E164 = /^\+[1-9]\d{1,14}$/;

/** E.164: a plus sign, the country code, at most 15 digits in total. */
export const IsPhoneNumber = (): PropertyDecorator =>
  applyDecorators(Matches(E164, { message: 'number must be a phone number in E.164 form, such as +420601123456' }));

export const IsSmsText = (): PropertyDecorator => IsText('text', MAX_SMS_CHARACTERS);

/** The beginning of a text that is too long for an SMS, whole characters only. */
export const fittingSms = (text: string): string =>
  text.length <= MAX_SMS_CHARACTERS ? text : Array.from(text).slice(0, MAX_SMS_CHARACTERS).join('');
