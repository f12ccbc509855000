import { ConflictException, GatewayTimeoutException, HttpStatus, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { RequestTimeoutError } from 'nestjs-redis-stream-transport';
import { CAMPAIGN, CAMPAIGN_CONTROL, CAMPAIGN_LIST, CAMPAIGN_STATUS } from '#contracts';
import type {
  CampaignAction,
  CampaignOrder,
  CampaignOrderResult,
  CampaignReference,
  CampaignRequested,
  CampaignStatus,
} from '#contracts';
import { AcceptedCampaigns } from '#store';
import { Acceptance } from '../messaging/acceptance.js';
import type { MessageKind } from '../messaging/acceptance.js';
import { Responders } from '../messaging/responders.js';

const PARTICIPLES: Readonly<Record<CampaignAction, string>> = {
  pause: 'paused',
  resume: 'resumed',
  cancel: 'cancelled',
};

const CANCELLATION_KEPT =
  'No responder answered in time. If the campaign has not started, it never will; ' +
  'if it has, cancel it again once a responder runs';

type OrderResult = NonNullable<CampaignOrderResult>;

/** Accepts campaigns, reports their status and forwards orders to the responders. */
@Injectable()
export class CampaignService {
  private readonly kind: MessageKind<CampaignRequested>;

  constructor(
    private readonly acceptance: Acceptance,
    private readonly responders: Responders,
    private readonly accepted: AcceptedCampaigns,
  ) {
    this.kind = {
      stream: CAMPAIGN,
      scope: 'campaign',
      idOf: ({ id }) => id,
      draftOf: ({ name, subject, body, channels, limit }) => ({ name, subject, body, channels, limit }),
      note: (each) => accepted.note(each),
    };
  }

  accept(draft: Omit<CampaignRequested, 'id'>, idempotencyKey?: string): Promise<CampaignRequested> {
    return this.acceptance.accept(this.kind, { id: randomUUID(), ...draft }, idempotencyKey);
  }

  /** Newest first. */
  async list(): Promise<readonly CampaignStatus[]> {
    return (await this.responders.ask<CampaignStatus[]>(CAMPAIGN_LIST, {})) ?? [];
  }

  async status(id: string): Promise<CampaignStatus | undefined> {
    const question: CampaignReference = { id };
    return (await this.responders.ask<CampaignStatus>(CAMPAIGN_STATUS, question)) ?? this.accepted.find(id);
  }

  /**
   * @returns the status after the order; undefined for an unknown campaign
   * @throws {ConflictException} with the status, if the order does not apply in it
   * @throws {RequestTimeoutError} or {GatewayTimeoutException} when no responder answers in time; a cancellation is
   * kept nevertheless
   */
  async order(id: string, action: CampaignAction): Promise<CampaignStatus | undefined> {
    const result = await this.ordered(id, action).catch(async (error: unknown) => {
      if (action === 'cancel' && isUnanswered(error)) await this.keepCancellation(id);
      throw error;
    });
    if (!result || result.isDone) return result?.campaign;
    throw conflict(action, result.campaign);
  }

  private async ordered(id: string, action: CampaignAction): Promise<OrderResult | undefined> {
    return (await this.give(id, action)) ?? (await this.orderUnstarted(id, action));
  }

  private give(id: string, action: CampaignAction): Promise<OrderResult | undefined> {
    const order: CampaignOrder = { id, action };
    return this.responders.ask<OrderResult>(CAMPAIGN_CONTROL, order);
  }

  /** For a campaign that the responders do not know yet, and therefore can neither pause nor resume. */
  private async orderUnstarted(id: string, action: CampaignAction): Promise<OrderResult | undefined> {
    const campaign = await this.accepted.find(id);
    if (!campaign) return undefined;
    if (action !== 'cancel' || campaign.status === 'cancelled') return { isDone: false, campaign };
    await this.accepted.cancel(id);
    // A responder that has just started it may not have seen the cancellation, but knows the campaign by now.
    const started = (await this.give(id, action))?.campaign ?? (await this.accepted.find(id));
    return started && { isDone: started.status === 'cancelled', campaign: started };
  }

  /**
   * A campaign that waits for a responder must not start when one comes back. Only a responder knows whether the
   * campaign has started, so the answer stays a failure; to one that has, a kept cancellation does nothing.
   * @throws {GatewayTimeoutException} if the campaign is known
   */
  private async keepCancellation(id: string): Promise<void> {
    if (!(await this.accepted.find(id))) return;
    await this.accepted.cancel(id);
    throw new GatewayTimeoutException(CANCELLATION_KEPT);
  }
}

const isUnanswered = (error: unknown): boolean =>
  error instanceof RequestTimeoutError || error instanceof GatewayTimeoutException;

const conflict = (action: CampaignAction, campaign: CampaignStatus): ConflictException => {
  const message =
    campaign.status === 'queued'
      ? `No responder has started this campaign yet, so it cannot be ${PARTICIPLES[action]}`
      : `A campaign that ${conditionOf(campaign)} cannot be ${PARTICIPLES[action]}`;
  return new ConflictException({ statusCode: HttpStatus.CONFLICT, error: 'Conflict', message, campaign });
};

function conditionOf({ paused, status }: CampaignStatus): string {
  if (status === 'failed') return 'has failed';
  return paused ? 'is paused' : `is ${status}`;
}
