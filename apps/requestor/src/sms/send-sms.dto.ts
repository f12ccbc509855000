import { ApiProperty } from '@nestjs/swagger';
import { IsPhoneNumber, IsSmsText, MAX_SMS_CHARACTERS } from '#contracts';

export class SendSmsDto {
  @ApiProperty({ description: 'E.164', example: '+420601123456' })
  @IsPhoneNumber()
  readonly number!: string;

  @ApiProperty({ minLength: 1, maxLength: MAX_SMS_CHARACTERS, example: 'Your parcel is waiting for you.' })
  @IsSmsText()
  readonly text!: string;
}

export class SmsReceipt {
  @ApiProperty({ format: 'uuid' })
  readonly uuid!: string;

  @ApiProperty()
  readonly number!: string;

  @ApiProperty()
  readonly text!: string;

  @ApiProperty({ enum: ['queued'] })
  readonly status!: 'queued';
}

export class SmsStatusDto {
  @ApiProperty({ format: 'uuid' })
  readonly uuid!: string;

  @ApiProperty({ enum: ['queued', 'sending', 'sent', 'failed'] })
  readonly status!: string;

  @ApiProperty({ description: 'Attempts to hand it to the provider so far' })
  readonly attempts!: number;

  @ApiProperty({ required: false })
  readonly providerMessageId?: string;

  @ApiProperty({ required: false, description: 'Why it failed' })
  readonly error?: string;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ format: 'date-time' })
  readonly updatedAt!: string;
}
