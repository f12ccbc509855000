import type { Channel } from './campaign.rules.js';

/**
 * - `queued`: accepted, but no responder has started it.
 * - `fanning-out`: its recipients are being published to `notification`.
 * - `sending`: all recipients are published, and some messages are not yet sent.
 * - `done`: every message is sent or has failed.
 * - `cancelled`: no worker starts another message. Those that workers have in hand still get their results, and
 *   `finishedAt` is null until the last of them has one.
 * - `failed`: it could not be started, and no message was sent. Its entry is a dead letter; redriven, the campaign is
 *   `queued` again.
 */
export type CampaignState = 'queued' | 'fanning-out' | 'sending' | 'done' | 'cancelled' | 'failed';

/** Status of one campaign. `queued + sent + failed = audience`, always. */
export interface CampaignStatus {
  readonly id: string;
  readonly name: string;
  readonly status: CampaignState;
  /** Whether the campaign is on hold until it is resumed; `status` shows at which stage. */
  readonly paused: boolean;
  readonly channels: readonly Channel[];
  /** Messages to send: one per user and channel. Until the fan-out ends an estimate, since users may come and go. */
  readonly audience: number;
  /** Messages without a result. */
  readonly queued: number;
  readonly sent: number;
  readonly failed: number;
  /** Of the queued messages, those that will never be sent: 0 unless the campaign is cancelled. */
  readonly cancelled: number;
  /** Messages sent or failed per second, over the last ten seconds; 0 while the campaign is paused or over. */
  readonly ratePerSecond: number;
  /** Seconds until the end at this rate; null while the rate is 0. */
  readonly etaSeconds: number | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  /** When the figures became final. */
  readonly finishedAt: string | null;
}

/** Result of an order to pause, resume or cancel; null if no responder knows the campaign. */
export type CampaignOrderResult = {
  /** False if the order does not apply in this state. */
  readonly isDone: boolean;
  readonly campaign: CampaignStatus;
} | null;

/** Whether no worker starts another message. */
export const isOver = ({ status }: Pick<CampaignStatus, 'status'>): boolean =>
  status === 'done' || status === 'cancelled' || status === 'failed';

/** Whether the figures are final. They follow the end of a cancelled campaign, once no worker has a message in hand. */
export const isSettled = ({ finishedAt }: Pick<CampaignStatus, 'finishedAt'>): boolean => finishedAt !== null;
