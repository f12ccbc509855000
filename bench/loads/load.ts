import type { Caller } from '../contender.js';
import type { Figures } from '../workload.js';
import { emitEvents, type EventLoad } from './events.js';
import { sendRequests, type RequestLoad } from './requests.js';
import { collectStreams, type StreamLoad } from './streams.js';

/** What a client process has to send. */
export type Load = RequestLoad | EventLoad | StreamLoad;

export function drive(caller: Caller, load: Load): Promise<Figures> {
  switch (load.kind) {
    case 'requests':
      return sendRequests(caller, load);
    case 'events':
      return emitEvents(caller, load);
    case 'streams':
      return collectStreams(caller, load);
  }
}
