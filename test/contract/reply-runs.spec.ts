import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { ReplyInterruptedError } from 'nestjs-redis-stream-transport';
import { from } from 'rxjs';
import { deferred } from '../support/deferred.js';
import { outcomeOf, within } from '../support/eventually.js';
import { requestIn, wholeReplyTo, writeRequest } from '../support/raw-request.js';
import type { RawRequest } from '../support/raw-request.js';
import { useStage } from '../support/stage.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const stage = useStage();

@Controller()
class Letters {
  @MessagePattern('letters')
  letters(): unknown {
    return from(['a', 'b', 'c']);
  }
}

/** One part of a reply, as another server may write it: `A0` is part 0 of run A, `A2.` its last, `-1` has no run. */
function partOf({ id }: RawRequest, text: string): string[] {
  const [, run = '', seq = ''] = /^([A-Z-])(\d)/.exec(text) ?? [];
  const fields = ['id', id, 'seq', seq, 'data', JSON.stringify(text)];
  if (run !== '-') fields.push('run', `run of ${run}`);
  return text.endsWith('.') ? [...fields, 'last', '1'] : fields;
}

interface Reply {
  readonly values: unknown[];
  /** The name of the error, or `completed`. */
  readonly end: string;
}

/** What a caller receives when these parts reach its reply stream in this order. */
async function receivedOf(...parts: string[]): Promise<Reply> {
  await stage.raw.xgroup('CREATE', 'asked', 'service', '0', 'MKSTREAM');
  const values: unknown[] = [];
  const done = deferred();
  stage
    .client({ requestTimeout: 1_500 })
    .send('asked', {})
    .subscribe({
      next: (value) => values.push(value),
      error: (error) => done.reject(error),
      complete: () => done.resolve(),
    });
  const end = outcomeOf(within(5_000, 'the end of the reply', done.promise));
  const request = await requestIn(stage.raw, 'asked');
  for (const part of parts) await stage.raw.xadd(request.replyStream, '*', ...partOf(request, part));
  const outcome = await end;
  return { values, end: 'error' in outcome ? (outcome.error as Error).name : 'completed' };
}

describe('the parts of a reply on the wire', () => {
  it('carry a run id: one for all parts of a reply, another one for each run', async () => {
    await stage.serve([Letters]);
    const runs: unknown[] = [];
    for (let round = 0; round < 3; round += 1) {
      const request = await writeRequest(stage.raw, 'letters', {});
      const parts = await wholeReplyTo(stage.raw, request);
      expect(parts.map(({ data }) => data).filter(Boolean)).toEqual(['"a"', '"b"', '"c"']);
      const names = new Set(parts.map(({ run }) => run));
      expect(names.size).toBe(1);
      runs.push(...names);
      await stage.raw.del(request.replyStream);
    }
    expect(new Set(runs).size).toBe(3);
    for (const run of runs) expect(run).toMatch(UUID);
  });
});

describe('a caller whose request was run twice', () => {
  it.each<[string, string[], Reply]>([
    [
      'the first run, where one run follows the other',
      ['A0', 'A1', 'A2.', 'B0', 'B1.'],
      { values: ['A0', 'A1', 'A2.'], end: 'completed' },
    ],
    [
      'the run that began, where both runs alternate',
      ['A0', 'B0', 'B1', 'A1', 'A2.', 'B2.'],
      { values: ['A0', 'A1', 'A2.'], end: 'completed' },
    ],
    [
      'each part once, where parts are repeated',
      ['A0', 'A0', 'A1', 'A0', 'A1', 'A2.'],
      { values: ['A0', 'A1', 'A2.'], end: 'completed' },
    ],
    [
      'the reply of an earlier release, which names no run',
      ['-0', '-1', '-2.'],
      { values: ['-0', '-1', '-2.'], end: 'completed' },
    ],
    [
      'an error, where one run died and another one ended',
      ['A0', 'A1', 'B0', 'B1', 'B2.'],
      { values: ['A0', 'A1'], end: ReplyInterruptedError.name },
    ],
    [
      'an error, where a short run ends before a longer one',
      ['A0', 'A1', 'A2', 'B0.', 'A3.'],
      { values: ['A0', 'A1', 'A2'], end: ReplyInterruptedError.name },
    ],
    [
      'an error, where the run of an earlier release died and this one ended',
      ['-0', 'B0', 'B1.'],
      { values: ['-0'], end: ReplyInterruptedError.name },
    ],
  ])('receives %s', async (_what, parts, expected) => {
    expect(await receivedOf(...parts)).toEqual(expected);
  });
});
