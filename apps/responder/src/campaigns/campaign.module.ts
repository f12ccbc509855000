import { Module } from '@nestjs/common';
import { AcceptedCampaigns } from '#store';
import { StreamClientModule } from '../stream.client.js';
import { Backlog } from './backlog.js';
import { CampaignController } from './campaign.controller.js';
import { CampaignOrders } from './campaign-orders.js';
import { CampaignReports } from './campaign-reports.js';
import { Campaigns } from './campaigns.js';
import { FanOut } from './fan-out.js';
import { ParkedIntents } from './parked-intents.js';

@Module({
  imports: [StreamClientModule],
  controllers: [CampaignController],
  providers: [AcceptedCampaigns, Backlog, CampaignOrders, CampaignReports, Campaigns, FanOut, ParkedIntents],
})
export class CampaignModule {}
