import { fill } from '../support/backlog.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';
import { pendingOf } from '../support/stream-view.js';

const stage = useStage();

/** A lane with one slot lets this many entries of one of its two streams wait for a retry. */
const WAITING_FILLS_A_STREAM = 16;
const RETRY_MS = 500;
/** Far longer than the test: a stream that has to wait for the end of a read is read too late. */
const BLOCK_MS = 60_000;

describe('a stream that was left out of a read because too many of its entries wait for a retry', () => {
  it('is read as soon as they are done, however long the read of an idle stream blocks', async () => {
    let isMended = false;
    const heard: unknown[] = [];
    const failing = onEvent('failing', (data) => {
      if (!isMended) throw new Error('not yet');
      heard.push(data);
    });
    const option = { concurrency: 1, block: BLOCK_MS, backoff: { delay: RETRY_MS, maxDelay: RETRY_MS } };
    await stage.serve([failing, onEvent('quiet', () => undefined)], { option });
    await fill(stage.raw, 'failing', WAITING_FILLS_A_STREAM);
    await eventually(async () => expect(await pendingOf(stage.raw, 'failing')).toBe(WAITING_FILLS_A_STREAM));
    await stage.untilReading();
    isMended = true;
    await fill(stage.raw, 'failing', 5, WAITING_FILLS_A_STREAM);
    await eventually(() => expect(heard).toHaveLength(WAITING_FILLS_A_STREAM + 5), { within: 4_000 });
  });
});
