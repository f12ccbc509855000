import type { Channel } from './campaign.rules.js';

/**
 * - `queued`: accepted, but no responder has started it.
 * - `fanning-out`: its recipients are being published to `notification`.
 * - `sending`: all recipients are published, and some messages are not yet sent.
 * - `done`: every message is sent or has failed.
 * - `cancelled`: nothing more is sent; unsent messages stay queued forever.
 */
export type CampaignState = 'queued' | 'fanning-out' | 'sending' | 'done' | 'cancelled';

/** Status of one campaign. `queued + sent + failed = audience`, always. */
export interface CampaignStatus {
  readonly id: string;
  readonly name: string;
  readonly status: CampaignState;
  /** Whether the campaign is on hold until it is resumed; `status` shows at which stage. */
  readonly paused: boolean;
  readonly channels: readonly Channel[];
  /** Messages to send: one per user and channel. */
  readonly audience: number;
  readonly queued: number;
  readonly sent: number;
  readonly failed: number;
  /** Messages sent or failed per second, over the last ten seconds. */
  readonly ratePerSecond: number;
  /** Seconds until the end at this rate; null while the rate is 0. */
  readonly etaSeconds: number | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** Result of an order to pause, resume or cancel; null if no responder knows the campaign. */
export type CampaignOrderResult = {
  /** False if the order does not apply in this state. */
  readonly isDone: boolean;
  readonly campaign: CampaignStatus;
} | null;

export const isOver = ({ status }: Pick<CampaignStatus, 'status'>): boolean =>
  status === 'done' || status === 'cancelled';
