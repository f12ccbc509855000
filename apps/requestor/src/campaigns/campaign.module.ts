import { Module } from '@nestjs/common';
import { AcceptedCampaigns } from '#store';
import { CampaignController } from './campaign.controller.js';
import { CampaignService } from './campaign.service.js';
import { CampaignOrdersController } from './campaign-orders.controller.js';
import { CampaignListWatch, CampaignWatch } from './campaign-watch.js';

@Module({
  controllers: [CampaignController, CampaignOrdersController],
  providers: [CampaignService, CampaignWatch, CampaignListWatch, AcceptedCampaigns],
})
export class CampaignModule {}
