import { isEmail } from 'class-validator';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { readSettings } from '../../apps/database/src/settings.js';
import { E164 } from '../../apps/shared/contracts/sms/sms.rules.js';
import type { User } from '../../apps/shared/contracts/campaign/user.js';
import { Environment } from '../../apps/shared/platform/environment.js';
import { freePort } from '../../scripts/free-port.js';
import { AppProcess } from '../../scripts/launcher/app-process.js';
import { CompiledApps } from '../../scripts/launcher/compiled-apps.js';
import { outcomeOf, within } from '../support/eventually.js';
import { CampaignBacking } from './support/campaign-backing.js';
import { openStuckClient } from './support/unfinished-statement.js';

const USERS = 2_000;
const CAMPAIGN = '00000000-0000-4000-8000-000000000001';

const connected = async (connectionString: string): Promise<Client> => {
  const client = new Client({ connectionString });
  client.on('error', () => undefined); // some tests kill the server
  await client.connect();
  return client;
};

const only = async <T>(url: string, sql: string, values: unknown[] = []): Promise<T> => {
  const client = await connected(url);
  const { rows } = await client.query({ text: sql, values, rowMode: 'array' });
  await client.end();
  return rows[0]?.[0] as T;
};

const count = (url: string): Promise<number> => only(url, 'SELECT count(*)::int FROM users');
const checksum = (url: string): Promise<string> =>
  only(url, `SELECT md5(string_agg(users::text, ' ' ORDER BY id)) FROM users WHERE id <= $1`, [USERS]);

describe('the campaign database', () => {
  let directory: string;
  let compiled: CompiledApps;
  let backing: CampaignBacking;
  let url: string;

  const start = (name: string): Promise<CampaignBacking> =>
    CampaignBacking.start({ users: USERS }, compiled, join(directory, name));

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'redis-stream-database-'));
    compiled = await CompiledApps.compile();
    backing = await start('first');
    url = backing.databaseUrl;
  }, 90_000);

  afterAll(async () => {
    await backing?.stop();
    compiled?.remove();
    rmSync(directory, { recursive: true, force: true });
  }, 30_000);

  it('holds as many users as asked for, each with their own mail address and number', async () => {
    const client = await connected(url);
    const { rows: users } = await client.query<User>('SELECT id, name, email, phone FROM users ORDER BY id');
    await client.end();
    expect(users.map(({ id }) => id)).toEqual(Array.from({ length: USERS }, (_, i) => i + 1));
    expect(new Set(users.map(({ email }) => email)).size).toBe(USERS);
    expect(new Set(users.map(({ phone }) => phone)).size).toBe(USERS);
    expect(users.filter(({ email, phone }) => !isEmail(email) || !E164.test(phone))).toEqual([]);
    expect(users[0]).toEqual({
      id: 1,
      name: 'Alan Allen',
      email: 'alan.allen1@example.net',
      phone: '+15550000001',
    });
  });

  it('holds the same users as every other campaign database', async () => {
    const other = await start('second');
    expect(await checksum(other.databaseUrl)).toBe(await checksum(url));
    await other.stop();
  }, 60_000);

  it('records its migrations', async () => {
    expect(await only(url, 'SELECT array_agg(name ORDER BY id) FROM migrations')).toEqual([
      'CreateCampaignTables1763700000000',
      'AddMessagesInFlight1763800000000',
      'AllowFailedCampaigns1764000000000',
      'CountPublishedMessages1764100000000',
    ]);
  });

  it('takes what a campaign has published from its audience when it is migrated in the middle of one', async () => {
    await only(url, `ALTER TABLE campaigns DROP COLUMN published`);
    await only(url, `DELETE FROM migrations WHERE name LIKE 'CountPublished%'`);
    const rows = [`'fanning-out', ${2 * USERS}, ${USERS - 300}`, `'done', ${2 * USERS}, ${USERS}`];
    for (const row of rows) {
      await only(
        url,
        `INSERT INTO campaigns (id, name, subject, body, channels, last_user_id, status, audience, fan_out_cursor)
         VALUES (gen_random_uuid(), 'n', 's', 'b', '{email,sms}', ${USERS}, ${row})`,
      );
    }
    await backing.seed(USERS);
    const published = await only(url, `SELECT array_agg(published ORDER BY published) FROM campaigns`);
    expect(published).toEqual([2 * USERS - 600, 2 * USERS]);
  }, 60_000);

  it('gets no new users if all exist, and only the missing ones if more are asked for', async () => {
    const before = await checksum(url);
    await backing.seed(USERS);
    expect(await count(url)).toBe(USERS);
    await backing.seed(USERS + 500);
    expect(await count(url)).toBe(USERS + 500);
    await only(url, 'DELETE FROM users WHERE id % 10 = 0 RETURNING id');
    await backing.seed(USERS);
    expect(await count(url)).toBe(USERS + 450);
    await backing.seed(USERS + 500);
    expect(await count(url)).toBe(USERS + 500);
    expect(await checksum(url)).toBe(before);
  }, 60_000);

  it('can be migrated and seeded by two processes at once', async () => {
    await only(url, 'DROP TABLE migrations, campaign_ticks, intents, campaigns, users');
    await Promise.all([backing.seed(USERS), backing.seed(USERS)]);
    expect(await count(url)).toBe(USERS);
    expect(await only(url, 'SELECT count(*)::int FROM migrations')).toBe(4);
  }, 60_000);

  it('can be seeded to the end after a seeding was killed', async () => {
    const wanted = 60_000;
    const env = { DATABASE_URL: url, USERS: String(wanted) };
    const killed = new AppProcess({ app: 'database', compiled, env, hear: () => killed.kill('SIGKILL') });
    expect(await killed.ended).toBe('SIGKILL');
    expect(await count(url)).toBeLessThan(wanted);
    await backing.seed(wanted);
    expect(await count(url)).toBe(wanted);
  }, 60_000);

  it('names the setting that is missing', async () => {
    const lost = new AppProcess({ app: 'database', compiled, env: { DATABASE_URL: '' } });
    await expect(lost.ready).rejects.toThrow('DATABASE_URL is missing');
  });

  it('takes no more users than there are phone numbers', () => {
    const usersOf = (users: string): number => readSettings(new Environment({ DATABASE_URL: url, USERS: users })).users;
    expect(usersOf('9999999')).toBe(9_999_999);
    expect(() => usersOf('10000000')).toThrow('USERS must be a whole number from 0 to 9999999, got "10000000"');
  });

  it('keeps statements of different connections apart, even if a connection breaks in the middle of one', async () => {
    const other = await connected(url);
    const stuck = await openStuckClient(url);
    const answer = other.query<{ mine: string }>('SELECT $1::text AS mine', ['mine']);
    stuck.hangUp();
    expect((await within(5_000, 'an answer', answer)).rows).toEqual([{ mine: 'mine' }]);
    await other.end();
  });

  it('refuses a second process in its directory', async () => {
    const env = { PGLITE_DIR: join(directory, 'first', 'postgres'), PORT: String(await freePort()) };
    const second = new AppProcess({ app: 'postgres', compiled, env });
    await expect(second.ready).rejects.toThrow('is in use by process');
    expect(await count(url)).toBeGreaterThan(0);
  }, 30_000);

  it('keeps every acknowledged write when it is killed', async () => {
    const kept: number[] = [];
    const write = async (lane: number): Promise<void> => {
      const client = await connected(url);
      for (let second = lane; ; second += 4) {
        const row = client.query('INSERT INTO campaign_ticks VALUES ($1, $2, 1)', [CAMPAIGN, second]);
        if ('error' in (await outcomeOf(row))) return;
        kept.push(second);
        if (kept.length === 500) void backing.killPostgres();
      }
    };
    await Promise.all([0, 1, 2, 3].map(write));
    await backing.killPostgres();
    await backing.startPostgres();
    const found = await only<number[]>(url, 'SELECT array_agg(second) FROM campaign_ticks');
    expect(kept.length).toBeGreaterThanOrEqual(500);
    expect(kept.filter((second) => !found.includes(second))).toEqual([]);
  }, 60_000);
});
