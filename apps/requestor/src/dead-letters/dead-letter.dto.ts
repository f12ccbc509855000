import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';

/** Id of a stream entry, within the length that Redis accepts. */
export const ENTRY_ID = /^\d{1,19}-\d{1,19}$/;

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

  @ApiProperty()
  readonly attempts!: number;

  @ApiProperty({ format: 'date-time' })
  readonly failedAt!: string;
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
