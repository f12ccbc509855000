import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import type { TransportStatus } from 'nestjs-redis-stream-transport';
import { ErrorDto } from '../http/error.dto.js';

export class HealthDto {
  @ApiProperty({ enum: ['health'] })
  readonly mode!: 'health';

  @ApiProperty({ enum: ['up', 'down'] })
  readonly status!: 'up' | 'down';

  @ApiProperty({ description: 'Name of this process', example: 'requestor-1' })
  readonly instance!: string;

  @ApiProperty({ type: String, description: 'State of the connection to Redis', example: 'connected' })
  readonly transport!: TransportStatus;

  @ApiProperty()
  readonly uptimeSeconds!: number;
}

export class IllHealthDto extends IntersectionType(HealthDto, ErrorDto) {}
