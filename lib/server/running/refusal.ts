import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { DeadLetterStore } from '../settling/dead-letter-store.js';
import type { Responders } from '../settling/responder.js';
import type { DeadLetterReason } from '../settling/settlement.js';

export interface RefusalParts {
  readonly responders: Responders;
  readonly deadLetters: DeadLetterStore;
  /** Whether no other group reads the stream. */
  readonly isOnlyGroup: (groupStream: GroupStream) => Promise<boolean>;
}

/**
 * Stores an entry that will not run as a dead letter, and answers the caller if it is a request. In a group without
 * a message handler, a request that another group could answer is an event: neither answered nor deleted.
 */
export async function refuse(
  { responders, deadLetters, isOnlyGroup }: RefusalParts,
  entry: HeldEntry,
  reason: DeadLetterReason,
  message: string,
): Promise<void> {
  const { request, groupStream } = entry;
  const answers = request && (groupStream.route.messageHandler || (await isOnlyGroup(groupStream)));
  // The entry may have been lost during the check.
  if (!entry.isOurs) return entry.release();
  if (request && answers) responders.of(entry, request).failed({ status: 'error', message });
  else entry.request = undefined;
  deadLetters.store(entry, reason, message);
}
