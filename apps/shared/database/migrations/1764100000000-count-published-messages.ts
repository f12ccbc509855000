import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audience that a campaign begins with is an estimate: users may come and go while it is published. */
export class CountPublishedMessages1764100000000 implements MigrationInterface {
  readonly name = 'CountPublishedMessages1764100000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE campaigns ADD COLUMN published integer NOT NULL DEFAULT 0`);
    await runner.query(`
      UPDATE campaigns c SET published = greatest(0, audience - cardinality(channels) * (
        SELECT count(*)::int FROM users WHERE id > c.fan_out_cursor AND id <= c.last_user_id))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE campaigns DROP COLUMN published`);
  }
}
