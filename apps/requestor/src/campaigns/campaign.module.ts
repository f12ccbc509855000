import { Module } from '@nestjs/common';
import { AcceptedCampaigns } from '#store';
import { CampaignController } from './campaign.controller.js';
import { CampaignDesk } from './campaign-desk.js';
import { CampaignOrdersController } from './campaign-orders.controller.js';
import { CampaignListWatch, CampaignWatch } from './campaign-watch.js';

@Module({
  controllers: [CampaignController, CampaignOrdersController],
  providers: [CampaignDesk, CampaignWatch, CampaignListWatch, AcceptedCampaigns],
})
export class CampaignModule {}
