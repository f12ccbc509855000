import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Campaigns that could not be started. */
export class AllowFailedCampaigns1764000000000 implements MigrationInterface {
  readonly name = 'AllowFailedCampaigns1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await allow(runner, `'queued', 'fanning-out', 'sending', 'done', 'cancelled', 'failed'`);
  }

  /** To the earlier version such a campaign is one that nothing is left to send of. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`UPDATE campaigns SET status = 'cancelled' WHERE status = 'failed'`);
    await allow(runner, `'queued', 'fanning-out', 'sending', 'done', 'cancelled'`);
  }
}

async function allow(runner: QueryRunner, states: string): Promise<void> {
  await runner.query(`
    ALTER TABLE campaigns DROP CONSTRAINT campaigns_status_check,
      ADD CONSTRAINT campaigns_status_check CHECK (status IN (${states}))`);
}
