import { Controller, Logger, UseInterceptors, UsePipes } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import type { RedisStreamHandlerExtras } from 'nestjs-redis-stream-transport';
import {
  CAMPAIGN,
  CAMPAIGN_CONTROL,
  CAMPAIGN_GROUP,
  CAMPAIGN_LIST,
  CAMPAIGN_STATUS,
  CampaignOrder,
  CampaignReference,
  CampaignRequested,
} from '#contracts';
import type { CampaignOrderResult, CampaignStatus } from '#contracts';
import { SPARE_ATTEMPTS } from '../spare-attempts.js';
import { eventValidation, requestValidation } from '../validation.js';
import { CampaignReports } from './campaign-reports.js';
import { CampaignOrders } from './campaign-orders.js';
import { FailedStartInterceptor, MAX_ATTEMPTS } from './failed-start.interceptor.js';
import { FanOut } from './fan-out.js';

/** Slots of their own: fan-outs may wait for hours, and requests and orders must not wait for them. */
const FAN_OUTS_AT_A_TIME = 4;
const FAN_OUT: RedisStreamHandlerExtras = {
  group: CAMPAIGN_GROUP,
  concurrency: FAN_OUTS_AT_A_TIME,
  maxAttempts: MAX_ATTEMPTS + SPARE_ATTEMPTS,
};

@Controller()
export class CampaignController {
  private readonly logger = new Logger(CampaignController.name);

  constructor(
    private readonly fanOut: FanOut,
    private readonly orders: CampaignOrders,
    private readonly reports: CampaignReports,
  ) {}

  // Without `<string>` Nest 12 takes the overload for typed event maps, which allows no typed second parameter.
  @EventPattern<string>(CAMPAIGN, FAN_OUT)
  @UsePipes(eventValidation())
  @UseInterceptors(FailedStartInterceptor)
  async run(@Payload() campaign: CampaignRequested, @Ctx() ctx: RedisStreamContext): Promise<void> {
    const started = performance.now();
    await this.fanOut.run(campaign, ctx.signal);
    this.logger.log(`Campaign ${campaign.id}: fan-out took ${Math.round(performance.now() - started)} ms`);
  }

  @MessagePattern(CAMPAIGN_STATUS, { group: CAMPAIGN_GROUP })
  @UsePipes(requestValidation())
  async status(@Payload() { id }: CampaignReference): Promise<CampaignStatus | null> {
    return (await this.reports.find(id)) ?? null;
  }

  @MessagePattern(CAMPAIGN_LIST, { group: CAMPAIGN_GROUP })
  list(): Promise<CampaignStatus[]> {
    return this.reports.latest();
  }

  @MessagePattern(CAMPAIGN_CONTROL, { group: CAMPAIGN_GROUP })
  @UsePipes(requestValidation())
  control(@Payload() { id, action }: CampaignOrder): Promise<CampaignOrderResult> {
    return this.orders.give(id, action);
  }
}
