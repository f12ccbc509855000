import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Number of a campaign's messages settled in one second. The rate of the campaign is computed from these rows. */
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
