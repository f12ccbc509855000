import { IsInt, IsISO8601, IsString, IsUUID, Min } from 'class-validator';
import { IsPhoneNumber, IsSmsText } from './sms.rules.js';

export class SmsRequested {
  @IsUUID()
  readonly uuid!: string;

  @IsPhoneNumber()
  readonly number!: string;

  @IsSmsText()
  readonly text!: string;
}

export class SmsSent {
  @IsUUID()
  readonly uuid!: string;

  @IsPhoneNumber()
  readonly number!: string;

  @IsString()
  readonly providerMessageId!: string;

  @IsInt()
  @Min(1)
  readonly attempt!: number;

  @IsISO8601()
  readonly at!: string;
}

export class SmsFailed {
  @IsUUID()
  readonly uuid!: string;

  @IsPhoneNumber()
  readonly number!: string;

  @IsString()
  readonly reason!: string;

  @IsInt()
  @Min(1)
  readonly attempts!: number;

  @IsISO8601()
  readonly at!: string;
}
