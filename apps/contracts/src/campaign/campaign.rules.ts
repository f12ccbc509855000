import { applyDecorators } from '@nestjs/common';
import { ArrayNotEmpty, ArrayUnique, IsIn, IsInt, IsOptional, Length, Max, Min } from 'class-validator';

export const CHANNELS = ['email', 'sms'] as const;
export type Channel = (typeof CHANNELS)[number];

export const MAX_CAMPAIGN_NAME = 200;
/** A line of a mail's header, well below what SMTP allows. */
export const MAX_SUBJECT = 200;
/** As long as an SMS may be, for the same text goes out by either channel. */
export const MAX_BODY = 1_600;
export const MAX_AUDIENCE = 10_000_000;

export const IsCampaignName = (): PropertyDecorator => lengthOf('name', MAX_CAMPAIGN_NAME);
export const IsSubject = (): PropertyDecorator => lengthOf('subject', MAX_SUBJECT);
export const IsBody = (): PropertyDecorator => lengthOf('body', MAX_BODY);

/** One or both of the channels. */
export const AreChannels = (): PropertyDecorator =>
  applyDecorators(
    ArrayNotEmpty({ message: 'channels must name at least one channel' }),
    ArrayUnique({ message: 'channels must not repeat one' }),
    IsIn(CHANNELS, { each: true, message: `channels takes ${CHANNELS.join(' and ')}` }),
  );

/** Users to address, lowest ids first; all of them when it is not given. */
export const IsAudienceLimit = (): PropertyDecorator =>
  applyDecorators(
    IsOptional(),
    IsInt({ message: 'limit must be a whole number' }),
    Min(1, { message: 'limit must be at least 1' }),
    Max(MAX_AUDIENCE, { message: `limit must be at most ${MAX_AUDIENCE}` }),
  );

const lengthOf = (field: string, max: number): PropertyDecorator =>
  Length(1, max, { message: `${field} must be a string of 1 to ${max} characters` });
