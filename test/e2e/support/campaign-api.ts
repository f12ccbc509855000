import type { CampaignState, CampaignStatus } from '../../../apps/shared/contracts/campaign/campaign-status.js';
import { eventually } from '../../support/eventually.js';
import { get, post } from './http.js';
import type { Answer } from './http.js';

export interface CampaignReceipt {
  readonly id: string;
  readonly name: string;
  readonly status: string;
}

export const postCampaign = (
  base: string,
  draft: object,
  headers: Record<string, string> = {},
): Promise<Answer<CampaignReceipt>> => post<CampaignReceipt>(`${base}/api/v1/campaigns`, draft, headers);

export const campaignStatus = async (base: string, id: string): Promise<CampaignStatus> =>
  (await get<CampaignStatus>(`${base}/api/v1/campaigns/${id}`)).body;

/** Resolves with the status once it is `wanted`. */
export const untilCampaign = (
  base: string,
  id: string,
  wanted: CampaignState,
  within = 30_000,
): Promise<CampaignStatus> =>
  eventually(
    async () => {
      const status = await campaignStatus(base, id);
      if (status.status !== wanted) throw new Error(`Expected ${wanted}, got ${JSON.stringify(status)}`);
      return status;
    },
    { within, every: 50 },
  );
