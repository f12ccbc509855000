import { randomInt } from 'node:crypto';
import type { CampaignRequested } from '#contracts';

const MOODS = ['Brisk', 'Calm', 'Golden', 'Quiet', 'Silver', 'Sunny', 'Velvet', 'Windy'];
const THINGS = ['Autumn', 'Comet', 'Garden', 'Harbour', 'Lantern', 'Meadow', 'Otter', 'River'];

/** Made-up texts for a campaign that comes without any. */
export const randomCampaign = (): Pick<CampaignRequested, 'name' | 'subject' | 'body'> => {
  const name = `${pick(MOODS)} ${pick(THINGS)} ${randomInt(1_000, 10_000)}`;
  return { name, subject: `News from ${name}`, body: `This is the campaign ${name}. Thank you for reading it.` };
};

const pick = (words: readonly string[]): string => words[randomInt(words.length)] ?? '';
