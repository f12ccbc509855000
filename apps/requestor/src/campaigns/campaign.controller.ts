import { Body, Controller, Get, Header, HttpCode, HttpStatus, Param, Post, Res, Sse, UseGuards } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBadRequestResponse, ApiForbiddenResponse } from '@nestjs/swagger';
import {
  ApiGatewayTimeoutResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import type { CampaignRequested, CampaignStatus, Channel } from '#contracts';
import { OwnSiteGuard } from '#http';
import { foundByUuid } from '../http/found.js';
import { ApiIdempotencyKey, IdempotencyKey } from '../messaging/idempotency-key.js';
import { CampaignReceipt, CampaignStatusDto, CreateCampaignDto } from './campaign.dto.js';
import { CampaignService } from './campaign.service.js';
import { CampaignListWatch, CampaignWatch } from './campaign-watch.js';
import { randomCampaign } from './random-campaign.js';

const DEFAULT_CHANNELS: readonly Channel[] = ['email'];

@ApiTags('campaigns')
@Controller('api/v1')
export class CampaignController {
  constructor(
    private readonly service: CampaignService,
    private readonly watch: CampaignWatch,
    private readonly listWatch: CampaignListWatch,
  ) {}

  @Post('campaigns')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Start a campaign' })
  @ApiIdempotencyKey('id, one campaign')
  @ApiAcceptedResponse({ type: CampaignReceipt, description: 'Stored and will be sent; see Location' })
  @ApiBadRequestResponse({ description: 'Field errors; nothing was stored' })
  @ApiServiceUnavailableResponse({ description: 'Redis did not accept it' })
  async create(
    @Body() { name, subject, body, audience, channels }: CreateCampaignDto,
    @IdempotencyKey() key: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<CampaignReceipt> {
    const limit = audience?.limit ?? undefined;
    const draft = { name, subject, body, channels: channels ?? DEFAULT_CHANNELS, limit };
    return receiptFor(await this.service.accept(draft, key), response);
  }

  @Get('campaign/create')
  @UseGuards(OwnSiteGuard)
  @HttpCode(HttpStatus.ACCEPTED)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Start a campaign with a random name, to all users', deprecated: true })
  @ApiAcceptedResponse({ type: CampaignReceipt })
  @ApiForbiddenResponse({ description: 'A page of another site sent the request' })
  @ApiServiceUnavailableResponse({ description: 'Redis did not accept it' })
  async createRandom(@Res({ passthrough: true }) response: ServerResponse): Promise<CampaignReceipt> {
    const draft = { ...randomCampaign(), channels: DEFAULT_CHANNELS };
    return receiptFor(await this.service.accept(draft), response);
  }

  @Get('campaigns')
  @ApiOperation({
    summary: 'Unfinished campaigns and the 50 that finished last, newest first, answered by a responder',
  })
  @ApiOkResponse({ type: [CampaignStatusDto] })
  @ApiGatewayTimeoutResponse({ description: 'No responder answered in time' })
  list(): Promise<readonly CampaignStatus[]> {
    return this.service.list();
  }

  // Before `:id`, which would match `events` as an id.
  @Sse('campaigns/events')
  @ApiOperation({ summary: 'Server-sent events: each campaign, then each change of a campaign' })
  allEvents(): Observable<MessageEvent> {
    return this.listWatch.changes();
  }

  @Get('campaigns/:id')
  @ApiOperation({ summary: 'Status of a campaign, answered by a responder' })
  @ApiOkResponse({ type: CampaignStatusDto })
  @ApiNotFoundResponse({ description: 'No such campaign' })
  @ApiGatewayTimeoutResponse({ description: 'No responder answered in time' })
  status(@Param('id') id: string): Promise<CampaignStatus> {
    return foundByUuid(id, (known) => this.service.status(known), 'campaign');
  }

  @Sse('campaigns/:id/events')
  @ApiOperation({ summary: 'Server-sent events: each change until the figures are final' })
  @ApiNotFoundResponse({ description: 'No such campaign' })
  @ApiGatewayTimeoutResponse({ description: 'No responder answered in time' })
  events(@Param('id') id: string): Promise<Observable<MessageEvent>> {
    return foundByUuid(id, (known) => this.watch.open(known), 'campaign');
  }
}

const receiptFor = ({ id, name }: CampaignRequested, response: ServerResponse): CampaignReceipt => {
  response.setHeader('Location', `/api/v1/campaigns/${id}`);
  return { id, name, status: 'queued' };
};
