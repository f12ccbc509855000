import { Injectable } from '@nestjs/common';
import DataLoader from 'dataloader';
import type { Channel } from '#contracts';
import { Statements, UnstorableValueError } from '#database';
import { CLAIM, DROP, OPEN, REOPEN, SETTLE, UNCLAIMED } from './intents.sql.js';

/** One message of a campaign to one user. */
export interface IntentKey {
  readonly campaignId: string;
  readonly userId: number;
  readonly channel: Channel;
}

/**
 * - `sent`: the message is sent.
 * - `refused`: the message can never be delivered.
 * - `exhausted`: all attempts are used up; a redrive of its dead letter grants new ones.
 */
export interface Settlement extends IntentKey {
  readonly state: 'sent' | 'refused' | 'exhausted';
  readonly error?: string;
}

interface Claim extends IntentKey {
  /** Id of the stream entry that carries the message, or of the first one if it is the copy of a dead letter. */
  readonly entry: string;
}

/** How long concurrent handlers wait for each other, so that one statement serves many of them. */
const GATHER_MS = 5;
const MAX_BATCH = 500;

/**
 * The messages a campaign intends to send, one per user and channel, and their results. An intent is claimed by one
 * stream entry: a second entry for it changes nothing, while the same entry may claim it again after its process died.
 */
@Injectable()
export class Intents {
  private readonly claims = gathering<Claim, boolean>(isolating((claims) => this.claimAll(claims)));
  private readonly reopenings = gathering<IntentKey, boolean>((keys) => this.reopenAll(keys));
  private readonly drops = gathering<Claim, void>(isolating((claims) => this.dropAll(claims)));
  private readonly settlements = gathering<Settlement, void>(isolating((settlements) => this.settleAll(settlements)));

  constructor(private readonly statements: Statements) {}

  /**
   * Creates the intents of a page of users, parked while the campaign is paused.
   * @returns the queued intents that no entry has claimed: their messages must be published, possibly again
   */
  async open(campaignId: string, userIds: readonly number[]): Promise<IntentKey[]> {
    await this.statements.rows(OPEN, [campaignId, userIds]);
    return this.statements.rows<IntentKey>(UNCLAIMED, [campaignId, userIds]);
  }

  /** @returns whether `entry` may act on the intent now */
  async claim(claim: Claim): Promise<boolean> {
    if (await this.claims.load(claim)) return true;
    if (await this.reopenings.load(claim)) return this.claims.load(claim);
    await this.drops.load(claim);
    return false;
  }

  /** Stores the result and adds it to the counters of the campaign, once. */
  async settle(settlement: Settlement): Promise<void> {
    await this.settlements.load(settlement);
  }

  private async claimAll(claims: readonly Claim[]): Promise<boolean[]> {
    const owners = new Set<string>();
    for (const [campaignId, own] of byCampaign(claims)) {
      for (const claim of await this.statements.rows<Claim>(CLAIM, valuesOf(campaignId, own)))
        owners.add(`${nameOf(claim)} ${claim.entry}`);
    }
    return claims.map((claim) => owners.has(`${nameOf(claim)} ${claim.entry}`));
  }

  private async reopenAll(keys: readonly IntentKey[]): Promise<boolean[]> {
    const reopened = new Set<string>();
    for (const [campaignId, own] of byCampaign(keys)) {
      const values = [campaignId, own.map(userIdOf), own.map(channelOf)];
      for (const key of await this.statements.rows<IntentKey>(REOPEN, values)) reopened.add(nameOf(key));
    }
    return keys.map((key) => reopened.has(nameOf(key)));
  }

  private async dropAll(claims: readonly Claim[]): Promise<undefined[]> {
    for (const [campaignId, own] of byCampaign(claims)) {
      await this.statements.rows(DROP, valuesOf(campaignId, own));
    }
    return claims.map(() => undefined);
  }

  private async settleAll(settlements: readonly Settlement[]): Promise<undefined[]> {
    for (const [campaignId, own] of byCampaign(settlements)) {
      const values = [own.map(({ state }) => state), own.map(({ error }) => error ?? null)];
      await this.statements.rows(SETTLE, [campaignId, own.map(userIdOf), own.map(channelOf), ...values]);
    }
    return settlements.map(() => undefined);
  }
}

type Run<Key, Value> = (keys: readonly Key[]) => Promise<(Value | Error)[]>;

const gathering = <Key, Value>(run: Run<Key, Value>): DataLoader<Key, Value> =>
  new DataLoader<Key, Value>(run, {
    cache: false,
    maxBatchSize: MAX_BATCH,
    batchScheduleFn: (flush) => setTimeout(flush, GATHER_MS),
  });

/**
 * A value that the database cannot store fails its own message, and not the others of its batch: these run again one by
 * one. Only for steps that may be repeated.
 */
const isolating =
  <Key, Value>(run: Run<Key, Value>): Run<Key, Value> =>
  async (keys) => {
    try {
      return await run(keys);
    } catch (error) {
      if (!(error instanceof UnstorableValueError)) throw error;
      const results: (Value | Error)[] = [];
      for (const key of keys) results.push(...(await run([key]).catch((reason: Error) => [reason])));
      return results;
    }
  };

/** A statement locks the row of one campaign only: two statements that lock several could deadlock. */
const byCampaign = <T extends IntentKey>(keys: readonly T[]): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const key of keys) {
    const group = groups.get(key.campaignId);
    if (group) group.push(key);
    else groups.set(key.campaignId, [key]);
  }
  return groups;
};

const valuesOf = (campaignId: string, claims: readonly Claim[]): unknown[] => [
  campaignId,
  claims.map(userIdOf),
  claims.map(channelOf),
  claims.map(({ entry }) => entry),
];
const userIdOf = ({ userId }: IntentKey): number => userId;
const channelOf = ({ channel }: IntentKey): Channel => channel;
const nameOf = ({ campaignId, userId, channel }: IntentKey): string => `${campaignId} ${userId} ${channel}`;
