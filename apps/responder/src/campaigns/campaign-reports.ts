import { Injectable } from '@nestjs/common';
import { isOver } from '#contracts';
import type { CampaignStatus } from '#contracts';
import { Statements } from '#database';

/** A reply has at most 1 MB, and a status takes up to 1.6 kB. */
const MAX_UNFINISHED = 500;
const MAX_FINISHED = 50;
/** Seconds over which the rate is computed. */
const RATE_WINDOW = 10;

type KnownFields = 'id' | 'name' | 'status' | 'paused' | 'channels' | 'audience' | 'sent' | 'failed';

interface CampaignRecord extends Pick<CampaignStatus, KnownFields> {
  readonly inFlight: number;
  readonly rate: number;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** Leaves out the current second: it is incomplete and would make the rate look too low. */
const REPORT = `
SELECT id, name, status, paused, channels, audience, sent, failed, in_flight AS "inFlight",
  created_at AS "createdAt", started_at AS "startedAt", finished_at AS "finishedAt",
  coalesce((
    SELECT sum(settled) FROM campaign_ticks t
    WHERE t.campaign_id = c.id AND t.second < extract(epoch FROM now())::int
      AND t.second >= extract(epoch FROM now())::int - ${RATE_WINDOW}
  ), 0)::float / greatest(1, least(${RATE_WINDOW}, extract(epoch FROM now() - c.started_at))) AS rate
FROM campaigns c`;

/**
 * By their end rather than their age: whoever follows the list sees the final figures of every campaign in it, however
 * many newer ones there are.
 */
const LISTED = `
WHERE c.id IN (
  (SELECT id FROM campaigns WHERE finished_at IS NULL ORDER BY created_at DESC LIMIT ${MAX_UNFINISHED})
  UNION ALL
  (SELECT id FROM campaigns WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT ${MAX_FINISHED}))
ORDER BY c.created_at DESC, c.id`;

/** Reports the status of campaigns. */
@Injectable()
export class CampaignReports {
  constructor(private readonly statements: Statements) {}

  async find(id: string): Promise<CampaignStatus | undefined> {
    const [record] = await this.statements.rows<CampaignRecord>(`${REPORT} WHERE c.id = $1`, [id]);
    return record && statusOf(record);
  }

  /** The unfinished campaigns and those that finished last, newest first. */
  async latest(): Promise<CampaignStatus[]> {
    return (await this.statements.rows<CampaignRecord>(`${REPORT} ${LISTED}`, [])).map(statusOf);
  }
}

const statusOf = ({ rate, inFlight, createdAt, startedAt, finishedAt, ...known }: CampaignRecord): CampaignStatus => {
  const queued = known.audience - known.sent - known.failed;
  // A paused campaign still has ticks in the window of the rate.
  const isMoving = !known.paused && !isOver(known) && rate > 0;
  return {
    ...known,
    paused: known.paused && !isOver(known),
    queued,
    cancelled: known.status === 'cancelled' ? queued - inFlight : 0,
    ratePerSecond: isMoving ? Math.round(rate * 10) / 10 : 0,
    etaSeconds: isMoving ? Math.ceil(queued / rate) : null,
    createdAt: createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  };
};
