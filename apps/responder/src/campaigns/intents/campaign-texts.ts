import { Injectable } from '@nestjs/common';
import type { Channel } from '#contracts';
import { Statements } from '#database';

/** The texts of a campaign, which never change. */
export interface CampaignText {
  readonly subject: string;
  readonly body: string;
  readonly channels: readonly Channel[];
}

const MAX_KEPT = 100;

/** Caches the texts of campaigns that are being sent, so that not every message queries its own. */
@Injectable()
export class CampaignTexts {
  private readonly kept = new Map<string, Promise<CampaignText | undefined>>();

  constructor(private readonly statements: Statements) {}

  async of(campaignId: string): Promise<CampaignText | undefined> {
    const kept = this.kept.get(campaignId);
    if (kept) return kept;
    const found = this.find(campaignId);
    this.kept.set(campaignId, found);
    const [oldest = campaignId] = this.kept.keys();
    if (this.kept.size > MAX_KEPT) this.kept.delete(oldest);
    const text = await found.catch((error: unknown) => {
      this.kept.delete(campaignId);
      throw error;
    });
    if (!text) this.kept.delete(campaignId);
    return text;
  }

  private async find(id: string): Promise<CampaignText | undefined> {
    const sql = 'SELECT subject, body, channels FROM campaigns WHERE id = $1';
    const [text] = await this.statements.rows<CampaignText>(sql, [id]);
    return text;
  }
}

/** Replaces each `{{name}}` with the recipient's name. */
export const personalised = (text: string, name: string): string => text.replaceAll('{{name}}', () => name);
