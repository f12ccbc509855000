import { Controller, Get, HttpCode, HttpStatus, NotFoundException, Param, Post, Query } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { isUUID } from 'class-validator';
import { RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import type { DeadLetter } from 'nestjs-redis-stream-transport';
import { CAMPAIGN, EMAIL_NOTIFICATION, NOTIFICATION, SMS, SMS_FAIL, SMS_OK } from '../../../contracts/src/index.js';
import { DeadLetterCountDto, DeadLetterListDto, DeadLetterQuery, ENTRY_ID, RedrivenDto } from './dead-letter.dto.js';
import type { DeadLetterDto } from './dead-letter.dto.js';

const STREAMS = [CAMPAIGN, NOTIFICATION, EMAIL_NOTIFICATION, SMS, SMS_OK, SMS_FAIL];

/** Messages the workers gave up on. Once the cause is fixed, they can be run again. */
@ApiTags('dead letters')
@Controller('dead-letters')
export class DeadLettersController {
  constructor(private readonly deadLetters: RedisStreamDeadLetters) {}

  @Get()
  @ApiOperation({ summary: 'Number of dead letters per stream' })
  @ApiOkResponse({ type: [DeadLetterCountDto] })
  counts(): Promise<readonly DeadLetterCountDto[]> {
    return Promise.all(STREAMS.map(async (stream) => ({ stream, count: await this.deadLetters.count(stream) })));
  }

  @Get(':stream')
  @ApiOperation({ summary: 'Dead letters of a stream, oldest first' })
  @ApiParam({ name: 'stream', enum: STREAMS })
  @ApiOkResponse({ type: DeadLetterListDto })
  @ApiBadRequestResponse({ description: 'Field errors' })
  @ApiNotFoundResponse({ description: 'No such stream' })
  async list(@Param('stream') stream: string, @Query() page: DeadLetterQuery): Promise<DeadLetterListDto> {
    const { letters, next = null } = await this.deadLetters.list(known(stream), page);
    return { letters: letters.map(withoutPayload), next };
  }

  @Post(':stream/redrive')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Run all dead letters again, each in the group that gave up on it' })
  @ApiParam({ name: 'stream', enum: STREAMS })
  @ApiAcceptedResponse({ type: RedrivenDto })
  @ApiNotFoundResponse({ description: 'No such stream' })
  async redriveAll(@Param('stream') stream: string): Promise<RedrivenDto> {
    return { redriven: await this.deadLetters.redriveAll(known(stream)) };
  }

  @Post(':stream/:id/redrive')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Run a dead letter again, in the group that gave up on it' })
  @ApiParam({ name: 'stream', enum: STREAMS })
  @ApiAcceptedResponse({ description: '{id, status: "redriven"}' })
  @ApiNotFoundResponse({ description: 'No such stream, or no such dead letter' })
  async redrive(
    @Param('stream') stream: string,
    @Param('id') id: string,
  ): Promise<{ readonly id: string; readonly status: 'redriven' }> {
    const isRedriven = ENTRY_ID.test(id) && (await this.deadLetters.redrive(known(stream), id));
    if (!isRedriven) throw new NotFoundException(`There is no dead letter ${id} of ${known(stream)}`);
    return { id, status: 'redriven' };
  }
}

/** No other stream in Redis is exposed. */
const known = (stream: string): string => {
  if (!STREAMS.includes(stream)) throw new NotFoundException(`There is no stream ${stream}`);
  return stream;
};

const withoutPayload = ({ id, group, reason, attempts, failedAt, data }: DeadLetter): DeadLetterDto => {
  const uuid = (data as { uuid?: unknown } | null | undefined)?.uuid;
  return {
    id,
    uuid: isUUID(uuid) ? (uuid as string) : null,
    group,
    reason,
    attempts,
    failedAt: failedAt.toISOString(),
  };
};
