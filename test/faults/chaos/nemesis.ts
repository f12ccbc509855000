import { Random } from './random.js';

/** Links that the nemesis can break: one for each worker, and the producer's. */
export type Victim = number | 'producer';

export type Deed =
  | { readonly kind: 'kill' | 'replace'; readonly worker: number }
  | { readonly kind: 'freeze'; readonly worker: number; readonly ms: number }
  | { readonly kind: 'restart-redis'; readonly ms: number }
  | { readonly kind: 'kill-clients' | 'flush-scripts' }
  | { readonly kind: 'reset'; readonly link: Victim }
  | {
      readonly kind: 'blackhole';
      readonly link: Victim;
      readonly ms: number;
      readonly direction: 'up' | 'down' | 'both';
    }
  | { readonly kind: 'swallow'; readonly link: Victim; readonly ms: number };

export interface PlannedDeed {
  /** Milliseconds after the start. */
  readonly at: number;
  readonly deed: Deed;
}

export const ALL_DEEDS = [
  'kill',
  'replace',
  'freeze',
  'restart-redis',
  'kill-clients',
  'flush-scripts',
  'reset',
  'blackhole',
  'swallow',
] as const satisfies readonly Deed['kind'][];

/** What happens when, drawn from the seed alone. */
export function planOf(
  seed: number,
  seconds: number,
  workers: number,
  kinds: readonly Deed['kind'][] = ALL_DEEDS,
): PlannedDeed[] {
  const random = new Random(seed);
  const plan: PlannedDeed[] = [];
  for (let at = 1_000; at < seconds * 1_000; at += random.between(400, 1_600)) {
    plan.push({ at, deed: deedOf(random, random.pick(kinds), workers) });
  }
  return plan;
}

function deedOf(random: Random, kind: Deed['kind'], workers: number): Deed {
  const worker = random.between(0, workers - 1);
  const link = random.pick<Victim>([...Array.from({ length: workers }, (_, n) => n), 'producer']);
  const ms = random.between(200, 2_500);
  const direction = random.pick(['up', 'down', 'both'] as const);
  switch (kind) {
    case 'kill':
    case 'replace':
      return { kind, worker };
    case 'freeze':
      return { kind, worker, ms };
    case 'restart-redis':
      return { kind, ms: Math.round(ms / 3) };
    case 'kill-clients':
    case 'flush-scripts':
      return { kind };
    case 'reset':
      return { kind, link };
    case 'blackhole':
      return { kind, link, ms, direction };
    case 'swallow':
      return { kind, link, ms: Math.round(ms / 3) };
  }
}
