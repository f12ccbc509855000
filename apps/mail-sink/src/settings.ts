import { Environment } from '../../platform/src/environment.js';

export interface SinkSettings {
  readonly host: string;
  /** Of the page. */
  readonly port: number;
  readonly smtpPort: number;
  /** Share of mails answered 451 once they are in. */
  readonly failRate: number;
  /** Addresses that are refused for good, with 550; in lower case. */
  readonly failAddresses: ReadonlySet<string>;
  /** File that keeps the counts over a restart; without it a restart forgets. */
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
