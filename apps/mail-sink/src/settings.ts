import { Environment } from '#platform';

/** Injection token. */
export const SETTINGS = Symbol('sink settings');

export type SinkSettings = ReturnType<typeof readSettings>;

export const readSettings = (env = new Environment()) =>
  env.verified({
    host: env.text('HOST', '127.0.0.1'),
    /** Port of the page. */
    port: env.port('PORT', 3091),
    /** Hosts under which this server is called, besides `host` and loopback. */
    allowedHosts: env.hosts('ALLOWED_HOSTS'),
    smtpPort: env.port('SMTP_PORT', 3092),
    /** Share of mails answered with 451 once they are received. */
    failRate: env.rate('FAIL_RATE'),
    /** Addresses refused permanently with 550, in lower case. */
    failAddresses: new Set(env.list('FAIL_ADDRESSES').map((address) => address.toLowerCase())),
    /** File that keeps the counts across restarts; without it a restart resets them. */
    journal: env.optionalText('JOURNAL'),
  });
