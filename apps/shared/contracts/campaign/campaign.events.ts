import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayNotEmpty, IsEmail, IsIn, IsString, IsUUID, ValidateNested } from 'class-validator';
import { AreChannels, IsAudienceLimit, IsBody, IsCampaignName, IsSubject } from './campaign.rules.js';
import type { Channel } from './campaign.rules.js';
import { IsUserId } from './user.js';

/** Users per entry of `notification`. */
export const NOTIFICATION_PAGE = 250;

export class CampaignRequested {
  @IsUUID()
  readonly id!: string;

  @IsCampaignName()
  readonly name!: string;

  @IsSubject()
  readonly subject!: string;

  @IsBody()
  readonly body!: string;

  @AreChannels()
  readonly channels!: readonly Channel[];

  /** Number of users to address; all of them if omitted. */
  @IsAudienceLimit()
  readonly limit?: number;
}

/**
 * A user who receives a message, on whichever channel. The addresses may be invalid: one such user must not withhold the
 * messages of the whole page, so that each message is checked on its own, by the contract of its channel.
 */
export class Recipient {
  @IsUserId()
  readonly userId!: number;

  @IsString()
  readonly name!: string;

  @IsString()
  readonly email!: string;

  /** E.164, if it is valid. */
  @IsString()
  readonly phone!: string;
}

export class NotificationPage {
  @IsUUID()
  readonly campaignId!: string;

  @ValidateNested({ each: true })
  @Type(() => Recipient)
  @ArrayNotEmpty()
  @ArrayMaxSize(NOTIFICATION_PAGE)
  readonly recipients!: readonly Recipient[];
}

export class EmailRequested {
  @IsUUID()
  readonly campaignId!: string;

  @IsUserId()
  readonly userId!: number;

  @IsString()
  readonly name!: string;

  @IsEmail()
  readonly email!: string;
}

export class CampaignReference {
  @IsUUID()
  readonly id!: string;
}

const CAMPAIGN_ACTIONS = ['pause', 'resume', 'cancel'] as const;
export type CampaignAction = (typeof CAMPAIGN_ACTIONS)[number];

export class CampaignOrder {
  @IsUUID()
  readonly id!: string;

  @IsIn(CAMPAIGN_ACTIONS)
  readonly action!: CampaignAction;
}
