import { useTarget } from '../support/stage.js';
import type { TestTarget } from '../support/test-target.js';
import { cancellation } from './scenarios/cancellation.js';
import { cancelledRequests } from './scenarios/cancelled-requests.js';
import { closing } from './scenarios/closing.js';
import { deadLetterFields } from './scenarios/dead-letter-fields.js';
import { deadLetters } from './scenarios/dead-letter.js';
import { delivery } from './scenarios/delivery.js';
import { drain } from './scenarios/drain.js';
import { groups } from './scenarios/groups.js';
import { handOver } from './scenarios/hand-over.js';
import { load } from './scenarios/load.js';
import { manyStreams } from './scenarios/many-streams.js';
import { overReading } from './scenarios/over-reading.js';
import { payloads } from './scenarios/payloads.js';
import { publishOrder } from './scenarios/publish-order.js';
import { publishing } from './scenarios/publishing.js';
import { redrive } from './scenarios/redrive.js';
import { requestReply } from './scenarios/request-reply.js';
import type { Features, Topic } from './scenarios/topic.js';
import { secondGroup } from './scenarios/second-group.js';
import { servedStreams } from './scenarios/served.js';
import { streamedReplies } from './scenarios/streaming.js';
import { takeover } from './scenarios/takeover.js';

const TOPICS: Readonly<Record<string, Topic>> = {
  'publish outcomes': publishing,
  'publish order': publishOrder,
  'close() of a client': closing,
  'request and reply': requestReply,
  'streams without a group': servedStreams,
  'streamed replies': streamedReplies,
  'large and odd payloads': payloads,
  cancellation,
  'cancelled requests on the wire': cancelledRequests,
  'delivery of events': delivery,
  groups,
  'a second group': secondGroup,
  'retries and dead letters': deadLetters,
  'fields of dead letters': deadLetterFields,
  redrive,
  'leases and takeover': takeover,
  'hand-over at shutdown': handOver,
  'drain()': drain,
  load,
  'many streams': manyStreams,
  'no more entries than slots': overReading,
};

/** Servers stop after each test: where that takes as long as a read, reads are short. */
const SHORT_BLOCK_MS = 250;

/**
 * The contract of the transport: what it promises with any Redis. A target passes if a server and a client that connect
 * to it keep every promise, and leave no connection, key, socket or timer behind after each test.
 */
export function transportContract(name: string, start: () => Promise<TestTarget>, features: Features): void {
  describe(`the transport on ${name}`, () => {
    const stage = useTarget(start, features.unblocksReads ? {} : { block: SHORT_BLOCK_MS });
    for (const [topic, scenarios] of Object.entries(TOPICS)) describe(topic, () => scenarios(stage, features));
  });
}
