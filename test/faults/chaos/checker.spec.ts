import { AUDIT, FLOWS, GROUP, LEASE_MS } from './flows.js';
import { check } from './checker.js';
import type { Fault, FaultKind, Ledger, OverdueEntry, Sending } from './ledger.js';
import { planOf } from './injection-plan.js';
import type { RunNote, SampleNote } from './notes.js';
import { NO_HANDLER } from './outcome.js';
import { summaryOf } from './summary.js';

const BEGIN = 1_700_000_000_000;
const PRODUCER = 1;
const ID = `${BEGIN}-0`;

const sending = (about: Partial<Sending> = {}): Sending => ({
  flow: 'event',
  sentAt: BEGIN,
  outcome: 'ok',
  tookMs: 1,
  ...about,
});

const fault = (kind: FaultKind, from: number, to: number, place: Partial<Fault> = {}): Fault => ({
  kind,
  told: kind,
  from: BEGIN + from,
  to: BEGIN + to,
  ...place,
});

/** A run of message 0 from `from` to `to`; without `to` it does not end. */
function run(pid: number, from: number, to: number | undefined, about: Partial<RunNote> = {}): RunNote[] {
  const run0 = { n: 0, id: ID, stream: FLOWS.event.stream, group: GROUP, attempt: 1, pid, ...about };
  const started: RunNote = { ...run0, fact: 'started', at: BEGIN + from };
  return to === undefined ? [started] : [started, { ...run0, fact: about.fact ?? 'done', at: BEGIN + to }];
}

const sample = (pid: number, at: number, about: Partial<SampleNote> = {}): SampleNote => ({
  fact: 'sample',
  pid,
  at: BEGIN + at,
  rssMb: 100,
  heapMb: 40,
  line: '',
  lineCount: 0,
  ...about,
});

const overdue = (seen: number, about: Partial<OverdueEntry> = {}): OverdueEntry => ({
  stream: FLOWS.event.stream,
  group: GROUP,
  id: ID,
  addedAt: BEGIN,
  seenAt: BEGIN + seen,
  pids: [11],
  ...about,
});

function ledgerOf(parts: {
  sent?: Sending;
  runs?: RunNote[];
  faults?: Fault[];
  samples?: SampleNote[];
  rest?: Partial<Ledger>;
}): Ledger {
  const { sent = sending(), runs = run(11, 5, 20), faults = [], samples = [], rest } = parts;
  return {
    sent: new Map([[0, sent]]),
    notes: { runs, expired: [], samples },
    dead: [],
    faults,
    hiccups: [],
    deaths: new Map(),
    sightings: { overdue: [], held: [], samples: 0 },
    leftPending: 0,
    leftEntries: {},
    leftReplyKeys: 0,
    printed: '',
    secret: 'the payload',
    producerPid: PRODUCER,
    ...rest,
  };
}

/** The first line of each violation. */
const violationsOf = (parts: Parameters<typeof ledgerOf>[0]): string[] =>
  check(ledgerOf(parts)).violations.map((violation) => violation.split('\n', 1)[0] ?? '');

const matching = (text: string): unknown => expect.stringContaining(text);

describe('the checker of the chaos run', () => {
  it('accepts a message that was confirmed and handled once', () => {
    expect(violationsOf({})).toEqual([]);
  });

  it('reports a message that was confirmed but never handled, unless Redis was emptied in the meantime', () => {
    expect(violationsOf({ runs: [] })).toEqual([matching('I1 event 0 was confirmed but never handled')]);
    expect(violationsOf({ runs: [], faults: [fault('flush-all', 500, 501)] })).toEqual([]);
    expect(violationsOf({ runs: [], faults: [fault('flush-all', -500, -499)] })).toHaveLength(1);
  });

  it('expects exactly one dead letter of a message that fails for good, and none of any other', () => {
    const sent = sending({ flow: 'poison' });
    const runs = run(11, 5, 6, { stream: FLOWS.poison.stream, fact: 'failed' }).map((note, at): RunNote => ({
      ...note,
      fact: at === 0 ? 'started' : 'failed',
    }));
    expect(violationsOf({ sent, runs, rest: { dead: [0] } })).toEqual([]);
    expect(violationsOf({ sent, runs })).toEqual([matching('never became a dead letter')]);
    expect(violationsOf({ sent, runs, rest: { dead: [0, 0] } })).toEqual([matching('has 2 dead letters')]);
    expect(violationsOf({ rest: { dead: [0] } })).toEqual([matching('does not fail for good')]);
  });

  it('reports two runs of one entry that overlap in two processes', () => {
    const runs = [...run(11, 0, 2_000), ...run(12, 1_500, 1_600, { attempt: 2 })];
    expect(violationsOf({ runs })).toContainEqual(matching('I11'));
  });

  it.each([
    ['a freeze of the first worker for longer than its lease', fault('freeze', 100, 1_600, { pids: [11] }), true],
    [
      'a stall of its writer for longer than its lease',
      fault('stall', 100, 1_600, { pids: [11], role: 'writer' }),
      true,
    ],
    ['a stall of its reader', fault('stall', 100, 1_600, { pids: [11], role: 'reader' }), false],
    ['a freeze of a third worker', fault('freeze', 100, 1_600, { pids: [13] }), false],
    [
      'a freeze that began when the lease could not end before the second run',
      fault('freeze', 1_400, 1_600, { pids: [11] }),
      false,
    ],
    ['the same stream being of another type', fault('retype', 100, 1_600, { streams: [FLOWS.event.stream] }), true],
    ['another stream being of another type', fault('retype', 100, 1_600, { streams: [FLOWS.poison.stream] }), false],
  ])('excuses an overlap only if a fault can have ended the lease: %s', (_, cause, isExcused) => {
    const runs = [...run(11, 0, 2_000), ...run(12, 1_500, 1_600, { attempt: 2 })];
    const overlaps = violationsOf({ runs, faults: [cause] }).filter((violation) => violation.startsWith('I11'));
    expect(overlaps).toHaveLength(isExcused ? 0 : 1);
  });

  it('counts a server that did not answer as a fault, but not as an injection', () => {
    const runs = [...run(11, 0, 2_000), ...run(12, 1_500, 1_600, { attempt: 2 })];
    const verdict = check(ledgerOf({ runs, rest: { hiccups: [fault('hiccup', 100, 1_450)] } }));
    expect(verdict).toMatchObject({ violations: [], faults: {}, doubles: { hiccup: 1 }, counts: { faults: 0 } });
  });

  it('knows that a lease is older than the run if the link was stalled before it', () => {
    const runs = [...run(11, 750, 760), ...run(12, 1_050, 1_060, { attempt: 2 })];
    const writer = fault('stall', 745, 2_000, { pids: [11], role: 'writer' });
    expect(violationsOf({ runs, faults: [writer] })).toEqual([matching('I5 entry')]);
    expect(violationsOf({ runs, faults: [fault('stall', 0, 740, { pids: [11], role: 'reader' }), writer] })).toEqual(
      [],
    );
  });

  it('treats the end of a process as the end of its runs', () => {
    const runs = [...run(11, 0, undefined), ...run(12, LEASE_MS + 500, LEASE_MS + 600, { attempt: 2 })];
    expect(violationsOf({ runs, rest: { deaths: new Map([[11, BEGIN + 100]]) } })).toEqual([]);
    expect(violationsOf({ runs })).toEqual([matching('I11')]);
  });

  it('counts doubles by the fault that hit their worker, and reports those without a fault', () => {
    const runs = [...run(11, 0, 10), ...run(12, 1_500, 1_600, { attempt: 2 })];
    const faults = [fault('kill', 11, 12, { pids: [11] }), fault('freeze', 900, 1_000, { pids: [13] })];
    const rest = { deaths: new Map([[11, BEGIN + 12]]) };
    expect(check(ledgerOf({ runs, faults, rest }))).toMatchObject({ doubles: { kill: 1 }, violations: [] });
    expect(violationsOf({ runs, rest })).toEqual([matching('was handled twice without a fault')]);
  });

  it('reports an entry that was handled and then released before its lease ended', () => {
    const runs = [...run(11, 0, 10), ...run(12, 700, 710, { attempt: 2 })];
    const faults = [fault('stall', 5, 600, { pids: [11], role: 'writer' })];
    expect(violationsOf({ runs, faults })).toEqual([matching('I5 entry')]);
    const late = [...run(11, 0, 10), ...run(12, 1_300, 1_310, { attempt: 2 })];
    expect(violationsOf({ runs: late, faults: [fault('stall', 5, 1_200, { pids: [11], role: 'writer' })] })).toEqual(
      [],
    );
  });

  it('does not count a run of the audit group as an answer', () => {
    const sent = sending({ flow: 'request', outcome: 'ok', wrongAnswer: '[]' });
    const runs = run(11, 5, 6, { stream: FLOWS.request.stream, group: AUDIT });
    expect(violationsOf({ sent, runs })).toEqual([
      matching('I1 request 0 was confirmed but never handled'),
      matching('I12 request 0 got a wrong answer: []'),
    ]);
  });

  it('reports a failed call if no fault hit its stream or its sender', () => {
    const sent = sending({ outcome: 'unknown', code: 'PUBLISH_OUTCOME_UNKNOWN', tookMs: 2_000 });
    const place = { streams: [FLOWS.poison.stream] };
    expect(violationsOf({ sent, faults: [fault('stop-master', 10, 3_000, place)] })).toEqual([matching('I18 event 0')]);
    const own = { streams: [FLOWS.event.stream] };
    expect(violationsOf({ sent, faults: [fault('stop-master', 10, 3_000, own)] })).toEqual([]);
    expect(violationsOf({ sent, faults: [fault('stall', 10, 3_000, { pids: [PRODUCER] })] })).toEqual([]);
  });

  it('expects an answer to each request that was handled in time', () => {
    const sent = sending({ flow: 'request', outcome: 'unknown', code: 'REQUEST_TIMEOUT', tookMs: 5_000 });
    const runs = run(11, 300, 310, { stream: FLOWS.request.stream });
    expect(violationsOf({ sent, runs })).toEqual([matching('I17 request 0 was handled, but its caller got')]);
    expect(violationsOf({ sent, runs, faults: [fault('flush-all', 100, 101)] })).toHaveLength(1);
    expect(violationsOf({ sent, runs, faults: [fault('flush-all', 305, 320)] })).toEqual([]);
    expect(violationsOf({ sent, runs, faults: [fault('reset', 305, 306, { pids: [PRODUCER] })] })).toEqual([]);
  });

  it('reports a run that goes on after its caller has left', () => {
    const left = { leftAt: BEGIN + 1_000, leaving: 'unsubscribed', firstValueAt: BEGIN + 30 } as const;
    const sent = sending({ flow: 'streamed', ...left });
    const until = (ms: number): RunNote[] => run(11, 5, ms, { stream: FLOWS.streamed.stream });
    const samples = [sample(11, 60_000)];
    expect(violationsOf({ sent, samples, runs: until(1_100) })).toEqual([]);
    expect(violationsOf({ sent, samples, runs: until(4_500) })).toEqual([matching('I15 the run of streamed 0')]);
    const stalled = [fault('stall', 900, 2_500, { pids: [11], role: 'writer' })];
    expect(violationsOf({ sent, samples, runs: until(4_500), faults: stalled })).toEqual([]);
    expect(violationsOf({ sent, samples, runs: until(20_000), faults: stalled })).toHaveLength(1);
  });

  it('gives a client that closes while Redis does not answer the time of one that dies', () => {
    const left = { leftAt: BEGIN + 1_000, leaving: 'closed', firstValueAt: BEGIN + 30 } as const;
    const sent = sending({ flow: 'streamed', ...left });
    const until = (ms: number): RunNote[] => run(11, 5, ms, { stream: FLOWS.streamed.stream });
    const samples = [sample(11, 200_000)];
    const faults = [fault('stall', 900, 2_500, { pids: [PRODUCER], role: 'publisher' })];
    expect(violationsOf({ sent, samples, runs: until(20_000) })).toEqual([matching('I15 the run of streamed 0')]);
    expect(violationsOf({ sent, samples, runs: until(20_000), faults })).toEqual([]);
    expect(violationsOf({ sent, samples, runs: until(90_000), faults })).toHaveLength(1);
    expect(violationsOf({ sent, samples: [], faults, rest: { leftReplyKeys: 1 } })).toEqual([]);
    expect(violationsOf({ sent, samples, faults, rest: { leftReplyKeys: 1 } })).toEqual([
      matching('I7 1 reply streams'),
    ]);
    expect(violationsOf({ faults, rest: { leftReplyKeys: 1 } })).toEqual([matching('I7 1 reply streams')]);
  });

  it('reports a request that found no group, unless FLUSHALL had removed it', () => {
    const sent = sending({ flow: 'request', outcome: 'failed', code: NO_HANDLER, tookMs: 500 });
    expect(violationsOf({ sent, runs: [] })).toEqual([matching('I6 request 0 found no group')]);
    expect(violationsOf({ sent, runs: [], faults: [fault('flush-all', -2_000, -1_999)] })).toEqual([]);
    expect(violationsOf({ sent, runs: [], faults: [fault('flush-all', 200, 201)] })).toEqual([]);
    expect(violationsOf({ sent, runs: [], faults: [fault('flush-all', -9_000, -8_999)] })).toHaveLength(1);
  });

  it('checks a run against the run that had the entry before it, not against an earlier one', () => {
    const faults = [fault('stall', 100, 1_700, { pids: [11], role: 'writer' })];
    const taken = [...run(11, 0, 2_000), ...run(12, 1_500, undefined, { attempt: 2 })];
    const rest = { deaths: new Map([[12, BEGIN + 3_000]]) };
    const again = run(11, 6_500, 6_600, { attempt: 3 });
    expect(violationsOf({ runs: [...taken, ...again], faults, rest })).toEqual([]);
    expect(violationsOf({ runs: [...run(11, 0, 2_000), ...again], faults })).toEqual([matching('I5')]);
  });

  it('reports an entry that starves, not counting the time that faults explain', () => {
    const starved = (seen: number, faults: Fault[] = []): string[] =>
      violationsOf({ faults, rest: { sightings: { overdue: [overdue(seen)], held: [], samples: 1 } } });
    expect(starved(3_000)).toEqual([]);
    expect(starved(9_000)).toEqual([matching('I14 chaos.event')]);
    expect(starved(9_000, [fault('freeze', 100, 6_000, { pids: [11] })])).toEqual([]);
    expect(starved(9_000, [fault('freeze', 100, 6_000, { pids: [12] })])).toHaveLength(1);
    expect(starved(60_000, [fault('freeze', 100, 6_000, { pids: [11] })])).toHaveLength(1);
  });

  it('reports workers that hold, use or print too much', () => {
    const held = [{ stream: FLOWS.tick.stream, group: GROUP, consumer: 'host-11-a', count: 500, at: BEGIN }];
    expect(violationsOf({ rest: { sightings: { overdue: [], held, samples: 1 } } })).toEqual([matching('I13')]);
    const samples = [sample(11, 1, { heapMb: 900 }), sample(11, 2, { heapMb: 901 }), sample(12, 3, { lineCount: 900 })];
    expect(violationsOf({ samples })).toEqual([matching('I13 11 has a heap'), matching('I9 12 printed 900 times')]);
  });

  it('reports a request that was dropped while its caller was waiting', () => {
    const expired = [{ fact: 'expired', id: ID, stream: FLOWS.request.stream, pid: 11, at: BEGIN + 20 }] as const;
    const rest = { notes: { runs: run(11, 5, 20), expired, samples: [] } };
    expect(violationsOf({ rest })).toEqual([matching('I16 11 did not run request')]);
  });

  it('sums up a run in one line', () => {
    const verdict = check(ledgerOf({ faults: [fault('kill', 0, 1, { pids: [12] })] }));
    expect(summaryOf({ seed: 7, seconds: 60, target: 'standalone' }, verdict)).toBe(
      'seed 7; standalone 60 s; sent 1, confirmed 1, unknown 0, failed 0, runs 1; doubles: none; faults: kill 1; violations: none',
    );
  });
});

describe('the plan of injections', () => {
  it('is the same for the same seed, and different for another seed', () => {
    expect(planOf({ seed: 7, seconds: 60, workers: 3 })).toEqual(planOf({ seed: 7, seconds: 60, workers: 3 }));
    expect(planOf({ seed: 7, seconds: 60, workers: 3 })).not.toEqual(planOf({ seed: 8, seconds: 60, workers: 3 }));
  });

  it('contains every kind of injection, given enough time', () => {
    const kinds = new Set(planOf({ seed: 7, seconds: 600, workers: 3 }).map(({ injection }) => injection.kind));
    expect(kinds.size).toBe(15);
  });
});
