import { tell } from '../../support/calls.js';
import { deferred } from '../../support/deferred.js';
import type { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { connectedClients } from '../../support/leak-check.js';
import { settled } from '../../support/stream-view.js';
import { recordedService, SERVICE_PATTERNS } from '../../support/recorded-service.js';
import type { RecordedService } from '../../support/recorded-service.js';
import type { Topic } from './topic.js';

/** Leases end long after a test: whatever the successor gets was handed over to it. */
const LEASE_MS = 60_000;
/** Time for a reader to reconnect before its process sweeps. */
const LAZY_SWEEP_MS = 1_500;
const LEAVING = { lease: LEASE_MS, concurrency: 1 };

/** The leaving instance, whose handlers run until the test opens the gate. */
function leavingService(): RecordedService & { readonly gate: Deferred } {
  const gate = deferred();
  return { ...recordedService(() => gate.promise), gate };
}

export const handOver: Topic = (stage, features) => {
  /** The successor. It handles an event first, so that Redis knows it as alive; the other instance is busy. */
  async function successor(sweepInterval: number): Promise<RecordedService> {
    const service = recordedService();
    await stage.serve(service.handlers, { option: { lease: LEASE_MS, sweepInterval } });
    await tell(stage.client(), 'job', 'hello');
    await service.untilRun(1);
    return service;
  }

  /** Number of connections of readers, whether they wait in a read or not. */
  async function readers(): Promise<number> {
    const clients = (await stage.everywhere(connectedClients)).flat();
    return clients.filter((line) => line.includes(':reader ')).length;
  }

  describe('a consumer that stops', () => {
    it('hands over an entry whose handler fails meanwhile: its successor runs attempt 2 at once, whatever the lease', async () => {
      const leaving = leavingService();
      const { close } = await stage.serve(leaving.handlers, { option: LEAVING });
      await tell(stage.client(), 'job', 'fails late');
      await leaving.untilRun(1);
      const next = await successor(100);
      const closing = close();
      // It has stopped reading and has handed over what it could: only the running handler is left.
      await eventually(async () => expect(await readers()).toBe(features.multiStreamRead ? 1 : 2));
      leaving.gate.reject(new Error('the first attempt'));
      await closing;
      const closed = performance.now();
      await next.untilRun(2);
      expect(performance.now() - closed).toBeLessThan(5_000);
      await settled(stage.at('job'), 'job');
      expect(leaving.of('fails late').map(({ attempt }) => attempt)).toEqual([1]);
      expect(next.of('fails late').map(({ attempt }) => attempt)).toEqual([2]);
    });

    it('leaves an entry that it never began as a first attempt if the successor reconnects before a sweep', async () => {
      const client = stage.client();
      // A read takes one entry of each stream, and there is one slot.
      await tell(client, SERVICE_PATTERNS.event, 'one of two');
      await tell(client, SERVICE_PATTERNS.request, 'one of two');
      const leaving = leavingService();
      const { close } = await stage.serve(leaving.handlers, { option: LEAVING });
      await leaving.untilRun(1);
      const next = await successor(LAZY_SWEEP_MS);
      leaving.gate.resolve();
      await close();
      await stage.killConnections();
      for (const stream of Object.values(SERVICE_PATTERNS)) await settled(stage.at(stream), stream);
      expect(leaving.runs).toHaveLength(1);
      expect(next.of('one of two').map(({ attempt }) => attempt)).toEqual([1]);
    });
  });
};
