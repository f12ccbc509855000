import type { Channel } from './campaign.rules.js';

/**
 * - `queued`: accepted, and nobody has begun.
 * - `fanning-out`: its recipients are being handed on.
 * - `sending`: all of them have been handed on, and some messages are not yet sent.
 * - `done`: each message is sent or has failed.
 * - `cancelled`: nothing more is sent; what was not, stays queued for ever.
 */
export type CampaignState = 'queued' | 'fanning-out' | 'sending' | 'done' | 'cancelled';

/** What is known of one campaign. `queued + sent + failed = audience`, always. */
export interface CampaignStatus {
  readonly id: string;
  readonly name: string;
  readonly status: CampaignState;
  /** Whether it stands still until it is resumed; its status says where. */
  readonly paused: boolean;
  readonly channels: readonly Channel[];
  /** Messages to send: one for each user and channel. */
  readonly audience: number;
  readonly queued: number;
  readonly sent: number;
  readonly failed: number;
  /** Messages sent or failed a second, over the last ten seconds. */
  readonly ratePerSecond: number;
  /** Seconds to its end at this rate; null while nothing moves. */
  readonly etaSeconds: number | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** What became of an order to pause, resume or cancel: null where no responder knows the campaign. */
export type CampaignOrderResult = {
  /** False when the order made no sense in this state. */
  readonly isDone: boolean;
  readonly campaign: CampaignStatus;
} | null;

export const isOver = ({ status }: Pick<CampaignStatus, 'status'>): boolean =>
  status === 'done' || status === 'cancelled';
