import { IsInt, IsISO8601, IsOptional, IsString, IsUUID, MaxLength, Min } from 'class-validator';
import { IsPhoneNumber, IsSmsText } from './sms.rules.js';

/** Lets the sender of an SMS recognize its result: comes back with the result and is never interpreted on the way. */
class Referenced {
  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly reference?: string;
}

export class SmsRequested extends Referenced {
  @IsUUID()
  readonly uuid!: string;

  @IsPhoneNumber()
  readonly number!: string;

  @IsSmsText()
  readonly text!: string;
}

export class SmsSent extends Referenced {
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

export class SmsFailed extends Referenced {
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
