import { Injectable } from '@nestjs/common';
import type { User } from '#contracts';
import { Statements } from '#database';

const PAGE = 1_000;

/**
 * Starts from `intents`: its key begins with the user, so it is read in order and only as far as the page needs. A user
 * who was deleted has no addresses, so that `notification` refuses the messages.
 */
const NEXT = `
SELECT i.user_id AS id, coalesce(u.name, '') AS name, coalesce(u.email, '') AS email, coalesce(u.phone, '') AS phone
FROM (
  SELECT DISTINCT user_id FROM intents
  WHERE campaign_id = $1 AND user_id > $2 AND state = 'parked' ORDER BY user_id LIMIT ${PAGE}
) i LEFT JOIN users u ON u.id = i.user_id ORDER BY i.user_id`;

/** The users whose messages a pause has parked. */
@Injectable()
export class ParkedIntents {
  constructor(private readonly statements: Statements) {}

  async *pages(campaignId: string): AsyncGenerator<readonly User[]> {
    for (let after = 0; ;) {
      const users = await this.statements.rows<User>(NEXT, [campaignId, after]);
      if (users.length > 0) yield users;
      const last = users.at(-1);
      if (!last || users.length < PAGE) return;
      after = last.id;
    }
  }

  async isAnyOf(campaignId: string): Promise<boolean> {
    const sql = `SELECT 1 FROM intents WHERE campaign_id = $1 AND state = 'parked' LIMIT 1`;
    return (await this.statements.rows(sql, [campaignId])).length > 0;
  }
}
