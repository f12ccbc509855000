import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How many messages of a campaign were settled in one second: from these its rate is taken. */
@Entity('campaign_ticks')
export class CampaignTickRow {
  @PrimaryColumn('uuid', { name: 'campaign_id' })
  readonly campaignId!: string;

  /** Seconds since the epoch. */
  @PrimaryColumn('integer')
  readonly second!: number;

  @Column('integer')
  readonly settled!: number;
}
