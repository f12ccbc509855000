import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateCampaignTables1763700000000 implements MigrationInterface {
  readonly name = 'CreateCampaignTables1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE users (
        id integer PRIMARY KEY,
        email text NOT NULL UNIQUE,
        name text NOT NULL,
        phone text NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE campaigns (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        subject text NOT NULL,
        body text NOT NULL,
        channels text[] NOT NULL,
        audience_limit integer,
        status text NOT NULL DEFAULT 'queued'
          CHECK (status IN ('queued', 'fanning-out', 'sending', 'done', 'cancelled')),
        paused boolean NOT NULL DEFAULT false,
        fan_out_cursor integer NOT NULL DEFAULT 0,
        last_user_id integer NOT NULL DEFAULT 0,
        audience integer NOT NULL DEFAULT 0,
        sent integer NOT NULL DEFAULT 0,
        failed integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        started_at timestamptz,
        finished_at timestamptz
      )`);
    await runner.query(`CREATE INDEX campaigns_created_at ON campaigns (created_at)`);
    // The user comes first in the key: statements filter by users and their campaign, and a planner without statistics
    // would otherwise read all intents of the campaign for each user. No other index, and free space on each page, so
    // that updates of the state stay within their page.
    await runner.query(`
      CREATE TABLE intents (
        user_id integer NOT NULL,
        campaign_id uuid NOT NULL,
        channel text NOT NULL CHECK (channel IN ('email', 'sms')),
        state text NOT NULL CHECK (state IN ('queued', 'parked', 'sending', 'sent', 'refused', 'exhausted')),
        entry text,
        error text,
        PRIMARY KEY (user_id, campaign_id, channel)
      ) WITH (fillfactor = 70)`);
    await runner.query(`
      CREATE TABLE campaign_ticks (
        campaign_id uuid NOT NULL,
        second integer NOT NULL,
        settled integer NOT NULL,
        PRIMARY KEY (campaign_id, second)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE campaign_ticks, intents, campaigns, users`);
  }
}
