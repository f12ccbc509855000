import { Environment } from '#platform';

/** Injection token. */
export const SETTINGS = Symbol('provider settings');

export type ProviderSettings = ReturnType<typeof readSettings>;

export const readSettings = (env = new Environment()) =>
  env.verified({
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 3090),
    /** Hosts under which this server is called, besides `host` and loopback. */
    allowedHosts: env.hosts('ALLOWED_HOSTS'),
    /** Share of calls answered with 503. */
    failRate: env.rate('FAIL_RATE'),
    latencyMs: env.integer('LATENCY_MS', { default: 0, max: 600_000 }),
    /** Numbers refused permanently with 422. */
    failNumbers: new Set(env.list('FAIL_NUMBERS')),
    /** File that keeps the sent messages across restarts; without it a restart loses them. */
    journal: env.optionalText('JOURNAL'),
  });
