import { Controller, Get, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import { MailListDto, MailQuery } from './mail.dto.js';
import { MailSink } from './mail-sink.js';

@ApiTags('mails')
@Controller('api/v1/mails')
export class MailsController {
  constructor(private readonly sink: MailSink) {}

  @Get()
  @ApiOperation({ summary: 'The latest mails' })
  @ApiOkResponse({ type: MailListDto })
  @ApiBadRequestResponse({ description: 'Field errors' })
  @ApiServiceUnavailableResponse({ description: 'The mail sink does not answer' })
  last(@Query() { limit }: MailQuery): Promise<MailListDto> {
    return this.sink.last(limit);
  }
}
