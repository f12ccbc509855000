import { ConflictException, HttpStatus, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { CAMPAIGN, CAMPAIGN_CONTROL, CAMPAIGN_LIST, CAMPAIGN_STATUS } from '../../../contracts/src/index.js';
import type {
  CampaignAction,
  CampaignOrder,
  CampaignOrderResult,
  CampaignReference,
  CampaignRequested,
  CampaignStatus,
} from '../../../contracts/src/index.js';
import { Acceptance } from '../messaging/acceptance.js';
import type { MessageKind } from '../messaging/acceptance.js';
import { Responders } from '../messaging/responders.js';
import { AcceptedCampaigns } from './accepted-campaigns.js';

const PARTICIPLES: Readonly<Record<CampaignAction, string>> = {
  pause: 'paused',
  resume: 'resumed',
  cancel: 'cancelled',
};

/** Accepts campaigns, reports their status and forwards orders to the responders. */
@Injectable()
export class CampaignDesk {
  private readonly kind: MessageKind<CampaignRequested>;

  constructor(
    private readonly acceptance: Acceptance,
    private readonly responders: Responders,
    private readonly accepted: AcceptedCampaigns,
  ) {
    this.kind = { stream: CAMPAIGN, scope: 'campaign', idOf: ({ id }) => id, note: (each) => accepted.note(each) };
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
   */
  async order(id: string, action: CampaignAction): Promise<CampaignStatus | undefined> {
    const order: CampaignOrder = { id, action };
    const result = await this.responders.ask<NonNullable<CampaignOrderResult>>(CAMPAIGN_CONTROL, order);
    if (result?.isDone) return result.campaign;
    const campaign = result?.campaign ?? (await this.accepted.find(id));
    if (!campaign) return undefined;
    throw conflict(
      result
        ? `A campaign that is ${stateOf(campaign)} cannot be ${PARTICIPLES[action]}`
        : `No responder has started this campaign yet, so it cannot be ${PARTICIPLES[action]}`,
      campaign,
    );
  }
}

const stateOf = ({ paused, status }: CampaignStatus): string => (paused ? 'paused' : status);

const conflict = (message: string, campaign: CampaignStatus): ConflictException =>
  new ConflictException({ statusCode: HttpStatus.CONFLICT, error: 'Conflict', message, campaign });
