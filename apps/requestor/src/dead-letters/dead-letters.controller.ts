import { Controller, Delete, Get, HttpCode, HttpStatus, NotFoundException, Param, Post, Query } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { CAMPAIGN, EMAIL_NOTIFICATION, NOTIFICATION, SMS, SMS_FAIL, SMS_OK } from '#contracts';
import { found } from '../http/found.js';
import {
  DeadLetterCountDto,
  DeadLetterDetailDto,
  DeadLetterListDto,
  DeadLetterQuery,
  DeletedDto,
  ENTRY_ID,
  RedrivenDto,
} from './dead-letter.dto.js';
import { detailOf, summaryOf } from './letter-views.js';

const STREAMS = [CAMPAIGN, NOTIFICATION, EMAIL_NOTIFICATION, SMS, SMS_OK, SMS_FAIL];

/** Messages the workers gave up on. Once the cause is fixed, they can be run again, or else be deleted. */
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
  @ApiOperation({ summary: 'Dead letters of a stream, oldest first unless `order` says otherwise' })
  @ApiParam({ name: 'stream', enum: STREAMS })
  @ApiOkResponse({ type: DeadLetterListDto })
  @ApiBadRequestResponse({ description: 'Field errors' })
  @ApiNotFoundResponse({ description: 'No such stream' })
  async list(@Param('stream') stream: string, @Query() query: DeadLetterQuery): Promise<DeadLetterListDto> {
    const { order, ...page } = query;
    const newestFirst = order === 'newest';
    const { letters, next = null } = await this.deadLetters.list(known(stream), { ...page, newestFirst });
    return { letters: letters.map(summaryOf), next };
  }

  @Get(':stream/:id')
  @ApiOperation({ summary: 'A dead letter, without its payload' })
  @ApiParam({ name: 'stream', enum: STREAMS })
  @ApiOkResponse({ type: DeadLetterDetailDto })
  @ApiNotFoundResponse({ description: 'No such stream, or no such dead letter' })
  async inspect(@Param('stream') stream: string, @Param('id') id: string): Promise<DeadLetterDetailDto> {
    const letter = ENTRY_ID.test(id) ? await this.deadLetters.inspect(known(stream), id) : undefined;
    return detailOf(found(letter, nameOf(known(stream), id)));
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
    found(isRedriven || undefined, nameOf(known(stream), id));
    return { id, status: 'redriven' };
  }

  @Delete(':stream')
  @ApiOperation({ summary: 'Delete all dead letters for good: their messages never run again' })
  @ApiParam({ name: 'stream', enum: STREAMS })
  @ApiOkResponse({ type: DeletedDto })
  @ApiNotFoundResponse({ description: 'No such stream' })
  async purgeAll(@Param('stream') stream: string): Promise<DeletedDto> {
    return { deleted: await this.deadLetters.purgeAll(known(stream)) };
  }

  @Delete(':stream/:id')
  @ApiOperation({ summary: 'Delete a dead letter for good: its message never runs again' })
  @ApiParam({ name: 'stream', enum: STREAMS })
  @ApiOkResponse({ type: DeletedDto })
  @ApiNotFoundResponse({ description: 'No such stream, or no such dead letter' })
  async purge(@Param('stream') stream: string, @Param('id') id: string): Promise<DeletedDto> {
    const deleted = ENTRY_ID.test(id) ? await this.deadLetters.purge(known(stream), id) : 0;
    return { deleted: found(deleted || undefined, nameOf(known(stream), id)) };
  }
}

/** No other stream in Redis is exposed. */
const known = (stream: string): string => {
  if (!STREAMS.includes(stream)) throw new NotFoundException(`There is no stream ${stream}`);
  return stream;
};

const nameOf = (stream: string, id: string): string => `dead letter ${id} of ${stream}`;
