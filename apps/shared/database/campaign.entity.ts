import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A campaign and its counters, which change only together with the intents they count. */
@Entity('campaigns')
export class CampaignRow {
  @PrimaryColumn('uuid')
  readonly id!: string;

  @Column('text')
  readonly name!: string;

  @Column('text')
  readonly subject!: string;

  @Column('text')
  readonly body!: string;

  @Column('text', { array: true })
  readonly channels!: string[];

  @Column('integer', { name: 'audience_limit', nullable: true })
  readonly audienceLimit!: number | null;

  @Column('text', { default: 'queued' })
  readonly status!: string;

  @Column('boolean', { default: false })
  readonly paused!: boolean;

  /** Id of the last user published to `notification`. */
  @Column('integer', { name: 'fan_out_cursor', default: 0 })
  readonly fanOutCursor!: number;

  /** Id of the last user to publish. */
  @Column('integer', { name: 'last_user_id', default: 0 })
  readonly lastUserId!: number;

  /** Messages to send: an estimate until all of them are published. */
  @Column('integer', { default: 0 })
  readonly audience!: number;

  /** Messages published to `notification` so far. */
  @Column('integer', { default: 0 })
  readonly published!: number;

  @Column('integer', { default: 0 })
  readonly sent!: number;

  @Column('integer', { default: 0 })
  readonly failed!: number;

  /** Messages of a cancelled campaign that workers had in hand and that have no result yet. */
  @Column('integer', { name: 'in_flight', default: 0 })
  readonly inFlight!: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  readonly createdAt!: Date;

  @Column('timestamptz', { name: 'started_at', nullable: true })
  readonly startedAt!: Date | null;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  readonly finishedAt!: Date | null;
}
