import { Environment } from '#platform';

export interface ProviderSettings {
  readonly host: string;
  readonly port: number;
  /** Share of calls answered with 503. */
  readonly failRate: number;
  readonly latencyMs: number;
  /** Numbers refused permanently with 422. */
  readonly failNumbers: ReadonlySet<string>;
  /** File that keeps the sent messages across restarts; without it a restart loses them. */
  readonly journal: string | undefined;
}

export const readSettings = (env = new Environment()): ProviderSettings => {
  const settings: ProviderSettings = {
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 3090),
    failRate: env.rate('FAIL_RATE'),
    latencyMs: env.integer('LATENCY_MS', { default: 0, max: 600_000 }),
    failNumbers: new Set(env.list('FAIL_NUMBERS')),
    journal: env.optionalText('JOURNAL'),
  };
  env.verify();
  return settings;
};
