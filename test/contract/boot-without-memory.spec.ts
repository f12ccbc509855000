import { ask } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { onEvent, onRequest } from '../support/handlers.js';
import { fill } from '../support/backlog.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';

const stage = useStage();

beforeEach(() => {
  stage.owns(() => stage.raw.config('SET', 'maxmemory', '0'));
});

describe('listen() while Redis has no memory left', () => {
  it('starts where the groups already exist, and drains the backlog that fills the memory', async () => {
    const heard: unknown[] = [];
    const handlers = [onEvent('job', (data) => heard.push(data)), onRequest('echo', (data) => data)];
    const first = await stage.serve(handlers);
    await first.close();
    await fill(stage.raw, 'job', 500);
    await stage.raw.config('SET', 'maxmemory', '1');
    await stage.serve(handlers);
    await eventually(() => expect(heard).toHaveLength(500));
    await settled(stage.raw, 'job');
    await stage.raw.config('SET', 'maxmemory', '0');
    expect(await ask(stage.client(), 'echo', 'again')).toBe('again');
  });

  it('continues with the streams whose groups exist when a reader loses its connection', async () => {
    const heard: unknown[] = [];
    await stage.serve([onEvent('job', (data) => heard.push(data))], { option: { block: 500 } });
    await fill(stage.raw, 'job', 500);
    await eventually(() => expect(heard).toHaveLength(500));
    await fill(stage.raw, 'job', 500, 500);
    await stage.raw.config('SET', 'maxmemory', '1');
    await stage.killConnections();
    await eventually(() => expect(heard).toHaveLength(1_000));
    await settled(stage.raw, 'job');
  });
});
