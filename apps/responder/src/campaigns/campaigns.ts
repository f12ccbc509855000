import { Injectable } from '@nestjs/common';
import type { CampaignAction, CampaignRequested, CampaignState, UserAudience } from '#contracts';
import { Statements } from '#database';

/** Progress of the fan-out of a campaign. */
export interface FanOutState {
  readonly status: CampaignState;
  readonly paused: boolean;
  /** Id of the last user published to `notification`. */
  readonly cursor: number;
  /** Id of the last user to publish. */
  readonly lastUserId: number;
}

const ADD = `
WITH added AS (
  INSERT INTO campaigns (id, name, subject, body, channels, audience_limit) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (id) DO UPDATE SET status = 'queued', finished_at = NULL WHERE campaigns.status = 'failed' RETURNING id)
SELECT id FROM added`;

const BEGIN = `
WITH begun AS (
  UPDATE campaigns
  SET status = 'fanning-out', audience = $2 * cardinality(channels), last_user_id = $3, started_at = now()
  WHERE id = $1 AND status = 'queued' RETURNING id)
SELECT id FROM begun`;

const STATE = `
SELECT status, paused, fan_out_cursor AS cursor, last_user_id AS "lastUserId" FROM campaigns WHERE id = $1`;

/** `$2`: the cursor after which the page begins. A page that another process has recorded is not counted twice. */
const ADVANCE = `
WITH advanced AS (
  UPDATE campaigns
  SET fan_out_cursor = $3, published = published + $4 * cardinality(channels),
    audience = greatest(audience, published + $4 * cardinality(channels))
  WHERE id = $1 AND fan_out_cursor = $2
  RETURNING status, paused, fan_out_cursor, last_user_id)
SELECT status, paused, fan_out_cursor AS cursor, last_user_id AS "lastUserId" FROM advanced`;

const END_FAN_OUT = `
WITH ended AS (
  UPDATE campaigns
  SET status = CASE WHEN sent + failed >= published THEN 'done' ELSE 'sending' END,
    audience = greatest(published, sent + failed),
    paused = paused AND sent + failed < published,
    finished_at = CASE WHEN sent + failed >= published THEN now() END
  WHERE id = $1 AND status = 'fanning-out' RETURNING id)
SELECT id FROM ended`;

const FAIL = `
WITH failed AS (
  UPDATE campaigns SET status = 'failed', paused = false, finished_at = now()
  WHERE id = $1 AND status = 'queued' RETURNING id)
SELECT id FROM failed`;

const REQUEST = `
SELECT id, name, subject, body, channels, audience_limit AS "limit" FROM campaigns WHERE id = $1`;

const ORDERS: Readonly<Record<Exclude<CampaignAction, 'cancel'>, string>> = {
  pause: `SET paused = true WHERE id = $1 AND NOT paused AND status IN ('queued', 'fanning-out', 'sending')`,
  resume: `SET paused = false WHERE id = $1 AND paused AND status IN ('queued', 'fanning-out', 'sending')`,
};

const CANCEL = `
WITH cancelled AS (
  UPDATE campaigns SET status = 'cancelled', paused = false
  WHERE id = $1 AND status IN ('queued', 'fanning-out', 'sending', 'failed') RETURNING id)
SELECT id FROM cancelled`;

/** A mail is in flight once an entry has claimed it; an SMS from the start, since the SMS flow knows no campaigns. */
const COUNT_IN_FLIGHT = `
WITH found AS (
  SELECT count(*) AS messages FROM intents
  WHERE campaign_id = $1 AND (state = 'sending' OR state = 'queued' AND channel = 'sms')),
counted AS (
  UPDATE campaigns
  SET in_flight = found.messages, finished_at = CASE WHEN found.messages = 0 THEN now() END
  FROM found WHERE id = $1 RETURNING id)
SELECT id FROM counted`;

/** The campaigns and their state changes. Each change may run twice and in several processes at the same time. */
@Injectable()
export class Campaigns {
  constructor(private readonly statements: Statements) {}

  /** One that has failed is queued again: its dead letter was redriven. Does nothing if the campaign exists otherwise. */
  async add({ id, name, subject, body, channels, limit }: CampaignRequested): Promise<void> {
    await this.statements.rows(ADD, [id, name, subject, body, channels, limit ?? null]);
  }

  /** Starts the fan-out. Users may come and go until they are published, so the audience is an estimate. */
  async begin(id: string, { users, lastId }: UserAudience): Promise<void> {
    await this.statements.rows(BEGIN, [id, users, lastId]);
  }

  async state(id: string): Promise<FanOutState | undefined> {
    const [state] = await this.statements.rows<FanOutState>(STATE, [id]);
    return state;
  }

  /**
   * Records a page of users, the ones that follow `cursor`, as published. Does nothing if another process has recorded
   * them: the cursor is then another one than the page's last user.
   */
  async advance(id: string, cursor: number, { users, lastId }: UserAudience): Promise<FanOutState | undefined> {
    const [state] = await this.statements.rows<FanOutState>(ADVANCE, [id, cursor, lastId, users]);
    return state ?? this.state(id);
  }

  /** From here on the audience is what was published. */
  async endFanOut(id: string): Promise<void> {
    await this.statements.rows(END_FAN_OUT, [id]);
  }

  /** Does nothing unless the campaign is in the database and has not begun. */
  async fail(id: string): Promise<void> {
    await this.statements.rows(FAIL, [id]);
  }

  /** The campaign as it was requested. */
  async request(id: string): Promise<CampaignRequested | undefined> {
    const [found] = await this.statements.rows<CampaignRequested & { limit: number | null }>(REQUEST, [id]);
    if (!found) return undefined;
    const { limit, ...request } = found;
    return limit === null ? request : { ...request, limit };
  }

  /** @returns false if the order does not apply in the state of the campaign */
  async order(id: string, action: CampaignAction): Promise<boolean> {
    if (action === 'cancel') return this.cancel(id);
    const sql = `WITH ordered AS (UPDATE campaigns ${ORDERS[action]} RETURNING id) SELECT id FROM ordered`;
    return (await this.statements.rows(sql, [id])).length > 0;
  }

  /**
   * Two statements: the first one locks the campaign's row, and no message is claimed or settled before the second one
   * has counted those in flight. A single statement would count what was committed before it waited for that lock.
   */
  private async cancel(id: string): Promise<boolean> {
    return this.statements.transaction(async (session) => {
      const [cancelled] = await this.statements.rows(CANCEL, [id], session);
      if (cancelled) await this.statements.rows(COUNT_IN_FLIGHT, [id], session);
      return cancelled !== undefined;
    });
  }
}
