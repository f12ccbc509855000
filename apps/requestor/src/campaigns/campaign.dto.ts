import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, IsOptional, ValidateNested } from 'class-validator';
import {
  AreChannels,
  CHANNELS,
  IsAudienceLimit,
  IsBody,
  IsCampaignName,
  IsSubject,
  MAX_AUDIENCE,
  MAX_BODY,
  MAX_CAMPAIGN_NAME,
  MAX_SUBJECT,
} from '#contracts';
import type { CampaignState, CampaignStatus, Channel } from '#contracts';
import { ErrorDto } from '../http/error.dto.js';

const STATES: readonly CampaignState[] = ['queued', 'fanning-out', 'sending', 'done', 'cancelled', 'failed'];

export class AudienceDto {
  @ApiProperty({ required: false, minimum: 1, maximum: MAX_AUDIENCE, description: 'Lowest ids first; default: all' })
  @IsAudienceLimit()
  readonly limit?: number;
}

export class CreateCampaignDto {
  @ApiProperty({ minLength: 1, maxLength: MAX_CAMPAIGN_NAME, example: 'Spring sale' })
  @IsCampaignName()
  readonly name!: string;

  @ApiProperty({ minLength: 1, maxLength: MAX_SUBJECT, example: 'Everything must go' })
  @IsSubject()
  readonly subject!: string;

  @ApiProperty({ minLength: 1, maxLength: MAX_BODY, example: 'Half price until Sunday.' })
  @IsBody()
  readonly body!: string;

  @ApiProperty({ required: false, type: () => AudienceDto })
  @IsOptional()
  @IsObject({ message: 'audience must be an object' })
  @ValidateNested({ message: 'audience must be an object' })
  @Type(() => AudienceDto)
  readonly audience?: AudienceDto | null;

  @ApiProperty({ required: false, enum: CHANNELS, isArray: true, default: ['email'] })
  @IsOptional()
  @AreChannels()
  readonly channels?: readonly Channel[] | null;
}

export class CampaignReceipt {
  @ApiProperty({ format: 'uuid' })
  readonly id!: string;

  @ApiProperty()
  readonly name!: string;

  @ApiProperty({ enum: ['queued'] })
  readonly status!: 'queued';
}

export class CampaignStatusDto implements CampaignStatus {
  @ApiProperty({ format: 'uuid' })
  readonly id!: string;

  @ApiProperty()
  readonly name!: string;

  @ApiProperty({ enum: STATES })
  readonly status!: CampaignState;

  @ApiProperty({ description: 'Whether the campaign is on hold until it is resumed' })
  readonly paused!: boolean;

  @ApiProperty({ enum: CHANNELS, isArray: true })
  readonly channels!: readonly Channel[];

  @ApiProperty({ description: 'Messages in total: queued + sent + failed' })
  readonly audience!: number;

  @ApiProperty({ description: 'Messages without a result' })
  readonly queued!: number;

  @ApiProperty()
  readonly sent!: number;

  @ApiProperty()
  readonly failed!: number;

  @ApiProperty({
    description:
      'Of the queued messages, those that will never be sent; 0 unless the campaign is cancelled. The other queued ' +
      'messages of a cancelled campaign are in the hands of workers, and their results are still to come',
  })
  readonly cancelled!: number;

  @ApiProperty({ description: 'Messages sent or failed per second, over the last ten seconds; 0 while paused' })
  readonly ratePerSecond!: number;

  @ApiProperty({ type: Number, nullable: true, description: 'Null while the rate is 0' })
  readonly etaSeconds!: number | null;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  readonly startedAt!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the figures became final; of a cancelled campaign, once no worker has a message in hand',
  })
  readonly finishedAt!: string | null;
}

export class CampaignConflictDto extends ErrorDto {
  @ApiProperty({ type: () => CampaignStatusDto })
  readonly campaign!: CampaignStatus;
}
