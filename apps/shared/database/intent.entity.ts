import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The intent of a campaign to send one message to a user on a channel: one row, whatever entries are redelivered. */
@Entity('intents')
export class IntentRow {
  @PrimaryColumn('integer', { name: 'user_id' })
  readonly userId!: number;

  @PrimaryColumn('uuid', { name: 'campaign_id' })
  readonly campaignId!: string;

  @PrimaryColumn('text')
  readonly channel!: string;

  @Column('text')
  readonly state!: string;

  /** Id of the stream entry that may send it; a redriven copy of the entry has its id, too. */
  @Column('text', { nullable: true })
  readonly entry!: string | null;

  /** Why it failed. */
  @Column('text', { nullable: true })
  readonly error!: string | null;
}
