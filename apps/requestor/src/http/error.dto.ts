import { ApiProperty } from '@nestjs/swagger';
import type { ErrorBody } from '#http';

export class ErrorDto implements ErrorBody {
  @ApiProperty({ example: 404 })
  readonly statusCode!: number;

  @ApiProperty({ description: 'Name of the status', example: 'Not Found' })
  readonly error!: string;

  @ApiProperty({
    description: 'One sentence',
    example: 'There is no SMS 7d3c8a52-0a0e-4b53-9d5c-3f4f6d1d9a10',
  })
  readonly message!: string;
}

export class FieldErrorsDto extends ErrorDto {
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'array', items: { type: 'string' } },
    description: 'By the path of a field: what is wrong with it',
    example: { 'audience.limit': ['limit must be at least 1'] },
  })
  readonly errors!: Readonly<Record<string, readonly string[]>>;
}
