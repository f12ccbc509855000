import type { Redis } from 'ioredis';
import { eventually } from './eventually.js';

export type ResourceCount = Readonly<Record<string, number>>;

const WATCHED = ['TCPSocketWrap', 'TCPServerWrap', 'Timeout'] as const;

/** Counts the open sockets and the timers that keep this process alive. */
export function openResources(): ResourceCount {
  const active = process.getActiveResourcesInfo();
  return Object.fromEntries(WATCHED.map((kind) => [kind, active.filter((name) => name === kind).length]));
}

/** Fails unless everything opened since `baseline` has been closed. */
export async function expectNoLeaks(baseline: ResourceCount): Promise<void> {
  await eventually(() => {
    const now = openResources();
    for (const kind of WATCHED) {
      const excess = (now[kind] ?? 0) - (baseline[kind] ?? 0);
      if (excess > 0) throw new Error(`leak: ${excess} × ${kind} outlived the test`);
    }
  });
}

/** Fails if Redis still has clients other than the observers. */
export async function expectNoClients(observer: Redis): Promise<void> {
  await eventually(async () => {
    const strangers = (await connectedClients(observer)).filter((line) => !line.includes('name=test-observer'));
    if (strangers.length > 0) throw new Error(`connections left open:\n${strangers.join('\n')}`);
  });
}

/** Fails if an inbox outlives its client. */
export async function expectNoReplyKeys(observer: Redis): Promise<void> {
  await eventually(async () => {
    const keys = await observer.keys('*reply:*');
    if (keys.length > 0) throw new Error(`reply keys left behind: ${keys.join(', ')}`);
  });
}

export async function connectedClients(observer: Redis): Promise<string[]> {
  const list = (await observer.call('CLIENT', 'LIST')) as string;
  return list.split('\n').filter((line) => line !== '');
}
