import type { Contender } from '../contender.js';
import { bullmq } from './bullmq.js';
import { nestNats, nestRedis, nestTcp } from './nest.js';
import { rawStreams } from './raw-streams.js';
import { baseline, streamTransport } from './stream-transport.js';

/** The library comes first; the others are what it is compared with. */
export const CONTENDERS: readonly Contender[] = [streamTransport, nestRedis, nestTcp, nestNats, bullmq, rawStreams];

export function contenderNamed(name: string): Contender {
  const found = [...CONTENDERS, baseline].find((each) => each.name === name);
  if (!found)
    throw new Error(`No contender is called ${name}. Contenders: ${CONTENDERS.map((c) => c.name).join(', ')}`);
  return found;
}
