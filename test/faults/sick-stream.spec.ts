import { tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';

const stage = useStage();

describe('a stream that has another type for a moment', () => {
  it('is read again within 2.5 s, not after the longer pause for a stream that stays unusable', async () => {
    const heard: unknown[] = [];
    const refusals: string[] = [];
    const { server } = await stage.serve([onEvent('job', (data) => heard.push(data))], { option: { block: 200 } });
    server.on('streamUnusable', ({ stream }) => refusals.push(stream));
    await stage.raw.multi().del('job').set('job', 'not a stream').exec();
    await eventually(() => expect(refusals).toEqual(['job']));
    await stage.raw.del('job');
    await tell(stage.client(), 'job', 'again');
    await eventually(() => expect(heard).toEqual(['again']), { within: 2_500 });
  });
});
