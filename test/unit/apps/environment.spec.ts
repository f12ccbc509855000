import { Environment, SettingsError } from '../../../apps/shared/platform/environment.js';
import { readSettings as readDatabaseSettings } from '../../../apps/database/src/settings.js';
import { readSettings } from '../../../apps/responder/src/settings.js';

describe('a setting that lists hosts', () => {
  const hosts = (value: string | undefined): readonly string[] => {
    const env = new Environment(value === undefined ? {} : { ALLOWED_HOSTS: value });
    return env.verified({ found: env.hosts('ALLOWED_HOSTS') }).found;
  };

  it.each<[string | undefined, readonly string[]]>([
    [undefined, []],
    [' ', []],
    ['gateway.test', ['gateway.test']],
    [' requestor_1, 10.0.0.5 ,fd00::5,', ['requestor_1', '10.0.0.5', 'fd00::5']],
  ])('reads %j', (value, expected) => {
    expect(hosts(value)).toEqual(expected);
  });

  it.each(['http://gateway.test', 'gateway.test:3081', 'one two', '*', '[fd00::5]', 'good.test,evil/'])(
    'does not accept %j',
    (value) => {
      expect(() => hosts(value)).toThrow(SettingsError);
      expect(() => hosts(value)).toThrow('ALLOWED_HOSTS must be a comma-separated list of host names');
    },
  );
});

describe('the error of a start with wrong settings', () => {
  it('lists all of them with the rule and the value, but no URL, which may hold a password', () => {
    const variables = {
      ROLES: 'billing,nonsense',
      REDIS_URL: 'http://user:secret@redis',
      MAX_ATTEMPTS: '0',
      RETRY_DELAY_MS: '5000',
      RETRY_MAX_DELAY_MS: '4000',
      LEASE_MS: '30\u001b[31m',
      MAX_BACKLOG: '1e5',
    };
    expect(() => readSettings(new Environment(variables))).toThrow(
      new SettingsError([
        'ROLES does not accept "nonsense"; it takes a comma-separated list of ' +
          'sms-worker, billing, delivery-status, campaign, user, notification, email',
        'REDIS_URL must be a valid URL that starts with redis:// or rediss://, with a port up to 65535 if any',
        'MAX_BACKLOG must be a whole number of at least 1000, got "1e5"',
        'MAX_ATTEMPTS must be a whole number from 1 to 1000, got "0"',
        'RETRY_MAX_DELAY_MS must be a whole number of at least 5000, got "4000"',
        String.raw`LEASE_MS must be a whole number of at least 500, got "30\u001b[31m"`,
      ]),
    );
  });

  it('names a setting that is missing or empty, unless no role needs it', () => {
    const redis = { REDIS_URL: 'redis://127.0.0.1' };
    expect(() => readSettings(new Environment({ ...redis, ROLES: 'email', SMTP_URL: ' ' }))).toThrow(
      new SettingsError(['DATABASE_URL is missing', 'SMTP_URL is missing']),
    );
    expect(readSettings(new Environment({ ...redis, ROLES: 'billing' }))).toMatchObject({
      smtpUrl: '',
      maxAttempts: 5,
    });
  });
});

describe('the number of users', () => {
  const users = (value: string): number =>
    readDatabaseSettings(new Environment({ DATABASE_URL: 'postgres://localhost/db', USERS: value })).users;

  it('leaves each of them a phone number of their own, with seven digits', () => {
    expect(users('9999999')).toBe(9_999_999);
    expect(() => users('10000000')).toThrow('USERS');
  });
});
