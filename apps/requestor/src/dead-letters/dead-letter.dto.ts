import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';

/** Id of a stream entry, within the length that Redis accepts. */
export const ENTRY_ID = /^\d{1,19}-\d{1,19}$/;

const LETTER_ORDERS = ['oldest', 'newest'] as const;

export class DeadLetterQuery {
  @ApiProperty({ required: false, description: '`next` of the previous page' })
  @IsOptional()
  @Matches(ENTRY_ID, { message: 'after must be the `next` value of another page' })
  readonly after?: string;

  @ApiProperty({ required: false, minimum: 1, maximum: 100, default: 20 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  readonly count: number = 20;

  @ApiProperty({ required: false, enum: LETTER_ORDERS, default: 'oldest', description: 'Which letters come first' })
  @IsOptional()
  @IsIn(LETTER_ORDERS, { message: `order must be ${LETTER_ORDERS.join(' or ')}` })
  readonly order: (typeof LETTER_ORDERS)[number] = 'oldest';
}

/** Contains neither payload nor recipient: an operator does not need them to fix the cause. */
export class DeadLetterDto {
  @ApiProperty()
  readonly id!: string;

  @ApiProperty({
    format: 'uuid',
    nullable: true,
    type: String,
    description: 'Of the SMS, if the entry is an SMS that could be read',
  })
  readonly uuid!: string | null;

  @ApiProperty({ description: 'The group that gave up on it' })
  readonly group!: string;

  @ApiProperty({ enum: ['failed', 'unrecoverable', 'rejected', 'undecodable', 'abandoned'] })
  readonly reason!: string;

  @ApiProperty({ description: 'The error of the last attempt, without addresses and phone numbers, clipped' })
  readonly error!: string;

  @ApiProperty()
  readonly attempts!: number;

  @ApiProperty({ format: 'date-time', nullable: true, type: String, description: 'Null if the letter does not say' })
  readonly failedAt!: string | null;
}

/** A field of the entry, without its value. */
export class DeadLetterFieldDto {
  @ApiProperty()
  readonly name!: string;

  @ApiProperty({ description: 'Size of the value' })
  readonly bytes!: number;
}

/** What the entry was, still without payload and recipient. */
export class DeadLetterDetailDto extends DeadLetterDto {
  @ApiProperty({ description: 'Id of the entry in its stream' })
  readonly entryId!: string;

  @ApiProperty({ nullable: true, type: String, description: 'As its producer set it; null if it set none' })
  readonly messageId!: string | null;

  @ApiProperty({ format: 'uuid', nullable: true, type: String, description: 'Null if it is not part of a campaign' })
  readonly campaignId!: string | null;

  @ApiProperty({ type: [DeadLetterFieldDto], description: 'The first fifty fields of the entry' })
  readonly fields!: readonly DeadLetterFieldDto[];
}

export class DeadLetterListDto {
  @ApiProperty({ type: [DeadLetterDto] })
  readonly letters!: readonly DeadLetterDto[];

  @ApiProperty({ nullable: true, type: String, description: 'Null on the last page' })
  readonly next!: string | null;
}

export class DeadLetterCountDto {
  @ApiProperty()
  readonly stream!: string;

  @ApiProperty({ description: 'Dead letters of all its groups' })
  readonly count!: number;
}

export class RedrivenDto {
  @ApiProperty({ description: 'Number of dead letters that will run again' })
  readonly redriven!: number;
}

export class DeletedDto {
  @ApiProperty({ description: 'Number of dead letters that are deleted for good' })
  readonly deleted!: number;
}
