import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a campaign means to send to a user by a channel: once, whatever is delivered again. */
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

  /** Id of the stream entry that may send it. */
  @Column('text', { nullable: true })
  readonly entry!: string | null;

  /** Why it failed. */
  @Column('text', { nullable: true })
  readonly error!: string | null;
}
