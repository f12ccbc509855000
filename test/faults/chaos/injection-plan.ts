import { LEASE_MS, STREAMS } from './flows.js';
import { Random } from './random.js';

/** Whose links an injection can break: those of the worker in a place, or those of the producer. */
export type Owner = number | 'producer';

/** Roles whose connections have a link of their own. */
export const ROLES = { worker: ['writer', 'reader'], producer: ['publisher', 'inbox'] } as const;
type Role = (typeof ROLES)['worker' | 'producer'][number];

export type Injection =
  | { readonly kind: 'kill' | 'replace'; readonly worker: number }
  | { readonly kind: 'freeze'; readonly worker: number; readonly ms: number }
  | { readonly kind: 'restart-redis'; readonly ms: number }
  | { readonly kind: 'kill-clients' | 'flush-scripts' | 'flush-all' }
  | { readonly kind: 'reset'; readonly link: Owner }
  | {
      readonly kind: 'blackhole';
      readonly link: Owner;
      readonly ms: number;
      readonly direction: 'up' | 'down' | 'both';
    }
  | { readonly kind: 'swallow'; readonly link: Owner; readonly ms: number }
  | { readonly kind: 'stall'; readonly link: Owner; readonly role: Role; readonly ms: number }
  | { readonly kind: 'retype'; readonly stream: string; readonly ms: number }
  | { readonly kind: 'block-dead-letters' | 'outage'; readonly ms: number }
  | { readonly kind: 'step-clock'; readonly worker: number; readonly aheadMs: number }
  | { readonly kind: 'stop-master'; readonly stream: string; readonly ms: number };

export type InjectionKind = Injection['kind'];

export interface PlannedInjection {
  /** Milliseconds after the start. */
  readonly at: number;
  readonly injection: Injection;
}

/** Injections for one server and its clients. */
export const ALL_INJECTIONS = [
  'kill',
  'replace',
  'freeze',
  'restart-redis',
  'kill-clients',
  'flush-scripts',
  'flush-all',
  'reset',
  'blackhole',
  'swallow',
  'stall',
  'retype',
  'block-dead-letters',
  'outage',
  'step-clock',
] as const satisfies readonly InjectionKind[];

/** Injections for a cluster. Its clients reach the masters without a proxy, so there are no injections for links. */
export const CLUSTER_INJECTIONS = [
  'kill',
  'replace',
  'freeze',
  'kill-clients',
  'flush-scripts',
  'flush-all',
  'retype',
  'block-dead-letters',
  'outage',
  'step-clock',
  'stop-master',
] as const satisfies readonly InjectionKind[];

const CLOCK_STEPS_MS = [-3_600_000, -60_000, 60_000, 3_600_000];

export interface PlanOrder {
  readonly seed: number;
  readonly seconds: number;
  readonly workers: number;
  /** @default all injections for one server and its clients */
  readonly injections?: readonly InjectionKind[];
  /** Milliseconds between two injections, on average. @default 1_000 */
  readonly everyMs?: number;
}

/** Draws the injections and their times from the seed alone. */
export function planOf({
  seed,
  seconds,
  workers,
  injections: kinds = ALL_INJECTIONS,
  everyMs = 1_000,
}: PlanOrder): PlannedInjection[] {
  const random = new Random(seed);
  const plan: PlannedInjection[] = [];
  for (let at = 1_000; at < seconds * 1_000; at += random.between(everyMs * 0.4, everyMs * 1.6)) {
    plan.push({ at, injection: injectionOf(random, random.pick(kinds), workers) });
  }
  return plan;
}

/** The random parameters of a injection. */
interface Draw {
  readonly worker: number;
  readonly link: Owner;
  readonly ms: number;
  readonly direction: 'up' | 'down' | 'both';
  readonly side: number;
  readonly stream: string;
  readonly aheadMs: number;
}

/** Shortest and longest duration of a injection, unless its maker changes it. */
const LEAST_MS = 200;
const MOST_MS = 2_500;

const MAKERS: Readonly<Record<InjectionKind, (draw: Draw) => Injection>> = {
  kill: ({ worker }) => ({ kind: 'kill', worker }),
  replace: ({ worker }) => ({ kind: 'replace', worker }),
  freeze: ({ worker, ms }) => ({ kind: 'freeze', worker, ms }),
  'restart-redis': ({ ms }) => ({ kind: 'restart-redis', ms: Math.round(ms / 3) }),
  'kill-clients': () => ({ kind: 'kill-clients' }),
  'flush-scripts': () => ({ kind: 'flush-scripts' }),
  'flush-all': () => ({ kind: 'flush-all' }),
  reset: ({ link }) => ({ kind: 'reset', link }),
  blackhole: ({ link, ms, direction }) => ({ kind: 'blackhole', link, ms, direction }),
  swallow: ({ link, ms }) => ({ kind: 'swallow', link, ms: Math.round(ms / 3) }),
  stall: ({ link, side, ms }) => ({ kind: 'stall', link, role: roleOf(link, side), ms: stallOf(ms) }),
  retype: ({ stream, ms }) => ({ kind: 'retype', stream, ms }),
  'block-dead-letters': ({ ms }) => ({ kind: 'block-dead-letters', ms: ms + MOST_MS }),
  outage: ({ ms }) => ({ kind: 'outage', ms: ms + 2 * MOST_MS }),
  'step-clock': ({ worker, aheadMs }) => ({ kind: 'step-clock', worker, aheadMs }),
  'stop-master': ({ stream, ms }) => ({ kind: 'stop-master', stream, ms: ms + 3_000 }),
};

/** Draws the same numbers for every kind, so that plans with other kinds of injections differ in nothing but the kinds. */
function injectionOf(random: Random, kind: InjectionKind, workers: number): Injection {
  return MAKERS[kind]({
    worker: random.between(0, workers - 1),
    link: random.pick<Owner>([...Array.from({ length: workers }, (_, n) => n), 'producer']),
    ms: random.between(LEAST_MS, MOST_MS),
    direction: random.pick(['up', 'down', 'both'] as const),
    side: random.between(0, 1),
    stream: random.pick(STREAMS),
    aheadMs: random.pick(CLOCK_STEPS_MS),
  });
}

/** 0.2 to 2 leases. */
const stallOf = (ms: number): number => Math.round((0.2 + ((ms - LEAST_MS) / (MOST_MS - LEAST_MS)) * 1.8) * LEASE_MS);

function roleOf(owner: Owner, side: number): Role {
  return ROLES[owner === 'producer' ? 'producer' : 'worker'][side] as Role;
}
