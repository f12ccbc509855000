import { Injectable } from '@nestjs/common';
import { isOver } from '#contracts';
import type { CampaignAction, CampaignOrderResult, CampaignStatus } from '#contracts';
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

  /** A pause of what is paused and a resumption of what is not paused succeed: the answer to the order may be lost. */
  async give(id: string, action: CampaignAction): Promise<CampaignOrderResult> {
    // Otherwise one that a fan-out adds right after the order would look as if the order did not apply to it.
    if (!(await this.campaigns.state(id))) return null;
    const isChanged = await this.campaigns.order(id, action);
    if (action === 'resume' && (isChanged || (await this.isStranded(id)))) await this.goOn(id);
    const campaign = await this.reports.find(id);
    return campaign ? { isDone: isChanged || isAsOrdered(campaign, action), campaign } : null;
  }

  /**
   * A process that died between the two steps of `resume` has left it half done: a repeated order completes it. Whether a
   * fan-out still runs cannot be told from the state, but a second one is harmless.
   */
  private async isStranded(id: string): Promise<boolean> {
    const state = await this.campaigns.state(id);
    if (!state || state.paused || isOver(state)) return false;
    return state.status !== 'sending' || this.parked.isAnyOf(id);
  }

  private async goOn(id: string): Promise<void> {
    const request = await this.campaigns.request(id);
    if (request) await this.fanOut.announce(request);
  }
}

const isAsOrdered = (campaign: CampaignStatus, action: CampaignAction): boolean =>
  action !== 'cancel' && !isOver(campaign) && campaign.paused === (action === 'pause');
