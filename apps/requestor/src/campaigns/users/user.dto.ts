import { ApiProperty } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import type { User } from '#contracts';

export class UserParams {
  @ApiProperty({ type: 'integer', minimum: 1 })
  @Matches(/^[1-9]\d*$/, { message: 'id must be a whole number of at least 1' })
  readonly id!: string;
}

export class UserDto implements User {
  @ApiProperty()
  readonly id!: number;

  @ApiProperty()
  readonly name!: string;

  @ApiProperty({ format: 'email' })
  readonly email!: string;

  @ApiProperty({ description: 'E.164' })
  readonly phone!: string;
}
