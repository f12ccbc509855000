import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Campaigns that were cancelled before this migration count as final. */
export class AddMessagesInFlight1763800000000 implements MigrationInterface {
  readonly name = 'AddMessagesInFlight1763800000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE campaigns ADD COLUMN in_flight integer NOT NULL DEFAULT 0`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE campaigns DROP COLUMN in_flight`);
  }
}
