import { Body, Controller, Get, HttpCode, HttpStatus, Param, Post, Res, Sse } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBadRequestResponse, ApiGatewayTimeoutResponse } from '@nestjs/swagger';
import {
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import type { SmsStatus } from '#contracts';
import { foundByUuid } from '../http/found.js';
import { ApiIdempotencyKey, IdempotencyKey } from '../messaging/idempotency-key.js';
import { SendSmsDto, SmsReceipt, SmsStatusDto } from './send-sms.dto.js';
import { SmsService } from './sms.service.js';
import { SmsWatch } from './sms-watch.js';

@ApiTags('sms')
@Controller('sms')
export class SmsController {
  constructor(
    private readonly service: SmsService,
    private readonly watch: SmsWatch,
  ) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Queue an SMS' })
  @ApiIdempotencyKey('uuid, one SMS')
  @ApiAcceptedResponse({ type: SmsReceipt, description: 'Stored and will be sent; see Location' })
  @ApiBadRequestResponse({ description: 'Field errors; nothing was stored' })
  @ApiServiceUnavailableResponse({ description: 'Redis did not accept it' })
  async send(
    @Body() { number, text }: SendSmsDto,
    @IdempotencyKey() key: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<SmsReceipt> {
    const { uuid, ...sms } = await this.service.accept(number, text, key);
    response.setHeader('Location', `/sms/${uuid}`);
    return { uuid, number: sms.number, text: sms.text, status: 'queued' };
  }

  @Get(':uuid')
  @ApiOperation({ summary: 'Status of an SMS, answered by a responder' })
  @ApiOkResponse({ type: SmsStatusDto })
  @ApiNotFoundResponse({ description: 'No such SMS' })
  @ApiGatewayTimeoutResponse({ description: 'No responder answered in time' })
  status(@Param('uuid') uuid: string): Promise<SmsStatus> {
    return foundByUuid(uuid, (known) => this.service.status(known), 'SMS');
  }

  @Sse(':uuid/events')
  @ApiOperation({ summary: 'Server-sent events: each change until the final status' })
  @ApiNotFoundResponse({ description: 'No such SMS' })
  events(@Param('uuid') uuid: string): Promise<Observable<MessageEvent>> {
    return foundByUuid(uuid, (known) => this.watch.open(known), 'SMS');
  }
}
