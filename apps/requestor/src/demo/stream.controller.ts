import { BadRequestException, Body, Controller, Get, HttpCode, HttpStatus, Inject, Post } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { ApiBody, ApiGatewayTimeoutResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Observable } from 'rxjs';
import { STREAM_ECHO, STREAM_NOTE, STREAM_TALLY } from '#contracts';
import type { DemoReply } from '#contracts';
import { Responders } from '../messaging/responders.js';

export const STREAM_CLIENT = Symbol('stream client');

/** Requests and events with every shape of payload; the reply names the responder that sent it. */
@ApiTags('stream')
@Controller('stream')
export class StreamController {
  constructor(
    private readonly responders: Responders,
    @Inject(STREAM_CLIENT) private readonly client: ClientProxy,
  ) {}

  @Get('object')
  @ApiOperation({ summary: 'Send an object' })
  @NoAnswer()
  object(): Promise<DemoReply | undefined> {
    return this.responders.ask(STREAM_ECHO, { greeting: 'hello', nested: { list: [1, 'two', null, true] } });
  }

  @Get('array')
  @ApiOperation({ summary: 'Send an array' })
  @NoAnswer()
  array(): Promise<DemoReply | undefined> {
    return this.responders.ask(STREAM_ECHO, [1, 'two', { three: 3 }]);
  }

  @Get('empty')
  @ApiOperation({ summary: 'Send an empty object' })
  @NoAnswer()
  empty(): Promise<DemoReply | undefined> {
    return this.responders.ask(STREAM_ECHO, {});
  }

  @Post('echo')
  @HttpCode(HttpStatus.OK)
  @ApiOperation({ summary: 'Send any JSON and get it back' })
  @NoAnswer()
  @ApiBody({ schema: { type: 'object', example: { ticket: 1 } } })
  echo(@Body() payload: object | undefined): Promise<DemoReply | undefined> {
    return this.responders.ask(STREAM_ECHO, given(payload));
  }

  @Post('emit')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Emit any JSON as an event' })
  @ApiBody({ schema: { type: 'object', example: { note: 'hello' } } })
  emit(@Body() payload: object | undefined): Observable<void> {
    return this.client.emit(STREAM_NOTE, given(payload));
  }

  @Get('tally')
  @ApiOperation({ summary: 'How many events each responder has handled' })
  @NoAnswer()
  tally(): Promise<Record<string, number> | undefined> {
    return this.responders.ask(STREAM_TALLY, {});
  }
}

const given = (payload: object | undefined): object => {
  if (payload === undefined) throw new BadRequestException('The request has no body');
  return payload;
};

/** A function, not a constant: decorators run before the constants below the class exist. */
function NoAnswer(): MethodDecorator {
  return ApiGatewayTimeoutResponse({ description: 'No responder answered in time' });
}
