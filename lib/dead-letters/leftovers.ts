import type { RedriveOutcome } from '../redis/scripts.js';

type LeftBehind = Exclude<RedriveOutcome, 'redriven' | 'missing'>;

const REASONS: Readonly<Record<LeftBehind, string>> = {
  foreign: 'no server wrote as dead letters (no usable `x-id`, `x-group` or `x-packed`); they are skipped',
  elsewhere: 'failed in another stream (`x-stream`); redrive them by the pattern of that stream',
  'no-group': 'belong to a group that no longer exists; create it, then redrive them again',
  'too-wide': 'have more fields than a script can write; copy them by hand',
};

/** Entries that stay in a dead-letter stream, counted by reason. */
export class Leftovers {
  private readonly ids = new Map<LeftBehind, string[]>();

  add(reason: LeftBehind, id: string): void {
    const ids = this.ids.get(reason);
    if (ids) ids.push(id);
    else this.ids.set(reason, [id]);
  }

  get lines(): string[] {
    return [...this.ids].map(
      ([reason, ids]) => `entries that ${REASONS[reason]}: ${ids.length}, the first is ${ids[0]}`,
    );
  }
}
