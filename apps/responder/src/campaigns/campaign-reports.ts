import { Injectable } from '@nestjs/common';
import { isOver } from '#contracts';
import type { CampaignStatus } from '#contracts';
import { Statements } from '#database';

const MAX_LISTED = 50;
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

/** Reports the status of campaigns. */
@Injectable()
export class CampaignReports {
  constructor(private readonly statements: Statements) {}

  async find(id: string): Promise<CampaignStatus | undefined> {
    const [record] = await this.statements.rows<CampaignRecord>(`${REPORT} WHERE c.id = $1`, [id]);
    return record && statusOf(record);
  }

  /** Newest first. */
  async latest(): Promise<CampaignStatus[]> {
    const sql = `${REPORT} ORDER BY c.created_at DESC, c.id LIMIT ${MAX_LISTED}`;
    return (await this.statements.rows<CampaignRecord>(sql, [])).map(statusOf);
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
