import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayNotEmpty, IsEmail, IsIn, IsString, IsUUID, ValidateNested } from 'class-validator';
import { IsPhoneNumber } from '../sms/sms.rules.js';
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

class MailRecipient {
  @IsUserId()
  readonly userId!: number;

  @IsString()
  readonly name!: string;

  @IsEmail()
  readonly email!: string;
}

/** A user who receives a message, on whichever channel. */
export class Recipient extends MailRecipient {
  @IsPhoneNumber()
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

export class EmailRequested extends MailRecipient {
  @IsUUID()
  readonly campaignId!: string;
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
