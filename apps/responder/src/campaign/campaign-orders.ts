import { Injectable } from '@nestjs/common';
import type { CampaignAction, CampaignOrderResult } from '../../../contracts/src/index.js';
import { CampaignReports } from './campaign-reports.js';
import { Campaigns } from './campaigns.js';
import { FanOut } from './fan-out.js';
import { ParkedIntents } from './parked-intents.js';

/** Pauses, resumes and cancels. */
@Injectable()
export class CampaignOrders {
  constructor(
    private readonly campaigns: Campaigns,
    private readonly reports: CampaignReports,
    private readonly parked: ParkedIntents,
    private readonly fanOut: FanOut,
  ) {}

  async give(id: string, action: CampaignAction): Promise<CampaignOrderResult> {
    let isDone = await this.campaigns.order(id, action);
    if (action === 'resume') isDone = (isDone || (await this.isStranded(id))) && (await this.goOn(id));
    const campaign = await this.reports.find(id);
    return campaign ? { isDone, campaign } : null;
  }

  /** A process that died between the two steps of `resume` has left it half done: the order may then be repeated. */
  private async isStranded(id: string): Promise<boolean> {
    const state = await this.campaigns.state(id);
    return state?.status === 'sending' || state?.status === 'fanning-out'
      ? !state.paused && this.parked.isAnyOf(id)
      : false;
  }

  private async goOn(id: string): Promise<boolean> {
    const request = await this.campaigns.request(id);
    if (!request) return false;
    await this.fanOut.announce(request);
    return true;
  }
}
