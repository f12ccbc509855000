import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

const MAX_MAILS = 100;

export class MailQuery {
  @ApiProperty({ required: false, minimum: 1, maximum: MAX_MAILS, default: 10 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(MAX_MAILS)
  readonly limit: number = 10;
}

export class MailDto {
  @ApiProperty()
  readonly id!: string;

  @ApiProperty()
  readonly from!: string;

  @ApiProperty()
  readonly to!: string;

  @ApiProperty()
  readonly subject!: string;

  @ApiProperty()
  readonly text!: string;

  @ApiProperty({ type: String, nullable: true })
  readonly listUnsubscribe!: string | null;

  @ApiProperty({ format: 'date-time' })
  readonly receivedAt!: string;
}

export class MailListDto {
  @ApiProperty({ description: 'False if MAIL_SINK_URL is not set, so that no mails can be listed' })
  readonly hasSink!: boolean;

  @ApiProperty({ type: [MailDto], description: 'Newest first' })
  readonly mails!: readonly MailDto[];
}
