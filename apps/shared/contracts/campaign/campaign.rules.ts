import { applyDecorators } from '@nestjs/common';
import { ArrayNotEmpty, ArrayUnique, IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { IsLine, IsText } from '../text.rules.js';

export const CHANNELS = ['email', 'sms'] as const;
export type Channel = (typeof CHANNELS)[number];

export const MAX_CAMPAIGN_NAME = 200;
/** One header line of a mail, well below the SMTP limit. */
export const MAX_SUBJECT = 200;
/** The limit of an SMS: the same text goes out on either channel. */
export const MAX_BODY = 1_600;
export const MAX_AUDIENCE = 10_000_000;

export const IsCampaignName = (): PropertyDecorator => IsLine('name', MAX_CAMPAIGN_NAME);
export const IsSubject = (): PropertyDecorator => IsLine('subject', MAX_SUBJECT);
export const IsBody = (): PropertyDecorator => IsText('body', MAX_BODY);

/** One or both of the channels. */
export const AreChannels = (): PropertyDecorator =>
  applyDecorators(
    ArrayNotEmpty({ message: 'channels must name at least one channel' }),
    ArrayUnique({ message: 'channels must not repeat a channel' }),
    IsIn(CHANNELS, { each: true, message: `channels must contain only ${CHANNELS.join(' and ')}` }),
  );

/** Number of users to address, lowest ids first; all of them if omitted. */
export const IsAudienceLimit = (): PropertyDecorator =>
  applyDecorators(
    IsOptional(),
    IsInt({ message: 'limit must be a whole number' }),
    Min(1, { message: 'limit must be at least 1' }),
    Max(MAX_AUDIENCE, { message: `limit must be at most ${MAX_AUDIENCE}` }),
  );
