import { Logger } from '@nestjs/common';
import type { ServerEvents } from '../../../lib/interfaces/events.js';
import { resolveServerOptions } from '../../../lib/options/settings.js';
import { ServerEventEmitter } from '../../../lib/server/holding/server-events.js';
import { describeGroups, logEvents } from '../../../lib/server/server-log.js';
import { CapturedLog } from '../../support/captured-log.js';
import { groupStreamOf, routeOf, serverSettings } from './support/entries.js';

const entry = { stream: 'app:sum', group: 'workers', id: '7-1' };

describe('logEvents', () => {
  let log: CapturedLog;
  let events: ServerEventEmitter;

  beforeEach(() => {
    log = new CapturedLog();
    events = new ServerEventEmitter(() => undefined);
    Logger.overrideLogger(log);
    logEvents(events, new Logger('test'));
  });
  afterEach(() => Logger.overrideLogger(false));

  const emitted = <Name extends keyof ServerEvents>(name: Name, event: ServerEvents[Name]): CapturedLog['lines'] => {
    events.emit(name, event);
    return log.lines;
  };

  it.each<[keyof ServerEvents, ServerEvents[keyof ServerEvents], string[]]>([
    ['retried', { ...entry, attempt: 2, delayMs: 250 }, ['attempt 2', '250 ms']],
    ['reclaimed', { ...entry, attempt: 3, from: 'two' }, ['attempt 3', '"two"']],
    ['entryLost', entry, ['deleted']],
    ['leaseLost', entry, ['another consumer']],
    ['requestExpired', entry, ['not run']],
  ])('logs the outcome of an entry (%s) and its place at debug level', (name, event, words) => {
    const lines = emitted(name, event as never);
    expect(lines.map(({ level }) => level)).toEqual(['debug']);
    for (const word of ['7-1', '"app:sum"', '"workers"', ...words]) expect(log.text()).toContain(word);
  });

  it('warns about a group that was missing', () => {
    expect(emitted('groupRecreated', { stream: 'app:sum', group: 'workers' })).toMatchObject([{ level: 'warn' }]);
    expect(log.text()).toMatch(/"workers" of "app:sum"/);
  });

  it('warns about a group without readers, how much it holds back, and what to do', () => {
    expect(emitted('groupAbandoned', { stream: 'app:sum', group: 'old', lag: 1_000_300 })).toMatchObject([
      { level: 'warn' },
    ]);
    for (const word of ['"old"', '"app:sum"', '1000300', 'XGROUP DESTROY', '`groupTtl`'])
      expect(log.text()).toContain(word);
  });

  it('writes one line for each event', () => {
    for (let i = 0; i < 3; i++) emitted('entryLost', entry);
    expect(log.lines).toHaveLength(3);
  });
});

describe('describeGroups', () => {
  it('gives one line per group, with its streams, its consumer and its settings', () => {
    const streams = [
      groupStreamOf('app:a'),
      groupStreamOf('app:b'),
      groupStreamOf('app:a', routeOf({ group: 'mailer' })),
    ];
    const settings = resolveServerOptions({
      connection: {},
      option: { consumerGroup: 'workers', consumer: 'one', concurrency: 7, lease: 9_000 },
    });
    expect(describeGroups(streams, settings)).toEqual([
      'Group "workers" reads 2 streams as "one": concurrency 7, lease 9000 ms',
      'Group "mailer" reads 1 stream as "one": concurrency 7, lease 9000 ms',
    ]);
  });

  it('gives no line where there is no handler', () => {
    expect(describeGroups([], serverSettings)).toEqual([]);
  });
});
