import { Environment } from '#platform';

export interface SinkSettings {
  readonly host: string;
  /** Port of the page. */
  readonly port: number;
  readonly smtpPort: number;
  /** Share of mails answered with 451 once they are received. */
  readonly failRate: number;
  /** Addresses refused permanently with 550, in lower case. */
  readonly failAddresses: ReadonlySet<string>;
  /** File that keeps the counts across restarts; without it a restart resets them. */
  readonly journal: string | undefined;
}

export const readSettings = (env = new Environment()): SinkSettings => {
  const settings: SinkSettings = {
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 3091),
    smtpPort: env.port('SMTP_PORT', 3092),
    failRate: env.rate('FAIL_RATE'),
    failAddresses: new Set(env.list('FAIL_ADDRESSES').map((address) => address.toLowerCase())),
    journal: env.optionalText('JOURNAL'),
  };
  env.verify();
  return settings;
};
