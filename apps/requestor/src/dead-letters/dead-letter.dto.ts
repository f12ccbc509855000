import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';

/** Id of a stream entry; short enough for what Redis takes. */
export const ENTRY_ID = /^\d{1,19}-\d{1,19}$/;

export class DeadLetterQuery {
  @ApiProperty({ required: false, description: '`next` of the page before' })
  @IsOptional()
  @Matches(ENTRY_ID, { message: 'after must be the `next` of another page' })
  readonly after?: string;

  @ApiProperty({ required: false, minimum: 1, maximum: 100, default: 20 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  readonly count: number = 20;
}

/** Nothing of what was sent, nor to whom: whoever mends things need not know it. */
export class DeadLetterDto {
  @ApiProperty()
  readonly id!: string;

  @ApiProperty({
    format: 'uuid',
    nullable: true,
    type: String,
    description: 'Of the SMS, where it is one that could be read',
  })
  readonly uuid!: string | null;

  @ApiProperty({ description: 'The group that gave it up' })
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
  @ApiProperty({ description: 'How many of them' })
  readonly redriven!: number;
}
