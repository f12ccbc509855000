import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../../../apps/mail-sink/src/journal.js';
import { makePrivate } from '../../../apps/shared/platform/private-file.js';
import { Outbox } from '../../../apps/sms-provider/src/outbox.js';

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

const KEEPERS: readonly (readonly [string, (path: string) => void])[] = [
  [
    'the mail sink',
    (path) => {
      const journal = new Journal(path);
      journal.append('<1@example.com>');
      journal.close();
    },
  ],
  ['the SMS provider', (path) => new Outbox(path).send('key', '+420601123456', 'Hello')],
];

describe('the journal', () => {
  let path: string;
  let mask: number;

  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'journals-')), 'journal');
    mask = process.umask(0);
  });

  afterEach(() => {
    process.umask(mask);
    rmSync(join(path, '..'), { recursive: true, force: true });
  });

  it.each(KEEPERS)('of %s is readable for its owner only', (_who, keep) => {
    keep(path);
    expect(modeOf(path)).toBe('600');
    expect(readFileSync(path, 'utf8')).toMatch(/\n$/);
  });

  it.each(KEEPERS)('of %s stops being readable for all, and keeps its content', (_who, keep) => {
    keep(path);
    const before = readFileSync(path, 'utf8');
    chmodSync(path, 0o644);
    keep(path);
    expect(modeOf(path)).toBe('600');
    expect(readFileSync(path, 'utf8').startsWith(before)).toBe(true);
  });

  it('of the SMS provider is private also if it is removed while the provider runs', () => {
    const outbox = new Outbox(path);
    rmSync(path);
    outbox.send('key', '+420601123456', 'Hello');
    expect(modeOf(path)).toBe('600');
  });

  it('of the SMS provider keeps every confirmed message, also behind one that a kill cut short', () => {
    const first = new Outbox(path);
    first.send('whole', '+420601123456', 'Hello ✓');
    first.send('cut short', '+420601123456', 'Hello ✓');
    truncateSync(path, statSync(path).size - 30);
    const confirmed = new Outbox(path).send('later', '+420601123456', 'Hello');
    const outbox = new Outbox(path);
    expect(outbox.messages.map(({ key }) => key)).toEqual(['whole', 'later']);
    expect(outbox.send('later', '+420601123456', 'Hello')).toEqual(confirmed);
  });

  it('may be a device, whose rights stay as they are', () => {
    const before = modeOf('/dev/null');
    makePrivate('/dev/null');
    expect(modeOf('/dev/null')).toBe(before);
  });
});
