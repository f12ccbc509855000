import type { MessageHandler } from '@nestjs/microservices';
import { RedisStreamContext } from '../../../../lib/context/redis-stream.context.js';
import type { RedisStreamHandlerExtras } from '../../../../lib/options/options.js';
import { resolveHandlerExtras, resolveServerOptions } from '../../../../lib/options/settings.js';
import { GroupStream } from '../../../../lib/server/holding/group-stream.js';
import type { Route } from '../../../../lib/server/holding/group-stream.js';
import type { ActiveRun, HeldEntry } from '../../../../lib/server/holding/held-entry.js';

export const serverSettings = resolveServerOptions({ connection: {}, option: { consumerGroup: 'workers' } });

/** The type that Nest gives handlers, although they may return anything. */
export const handlerOf = (run: (data: unknown, context: unknown) => unknown): MessageHandler =>
  run as unknown as MessageHandler;

export interface RouteParts {
  readonly group?: string;
  readonly extras?: RedisStreamHandlerExtras;
  readonly events?: readonly MessageHandler[];
  readonly message?: MessageHandler;
}

export function routeOf({ group = 'workers', extras = {}, events = [], message }: RouteParts = {}): Route {
  const settings = resolveHandlerExtras(extras, serverSettings);
  return { pattern: 'sum', group, settings, eventHandlers: [...events], messageHandler: message };
}

export const groupStreamOf = (stream = 'app:sum', route: Route = routeOf()): GroupStream =>
  new GroupStream(stream, 'one', route);

/** An entry that Redis has just delivered to this process. */
export function takenFrom(groupStream: GroupStream, id = '1-0', fields: readonly string[] = ['data', '7']): HeldEntry {
  const entry = groupStream.hold(id, 1, fields);
  if (!entry) throw new Error(`${id} is held already`);
  return entry;
}

/** A run that does nothing, and is quiet as soon as it is abandoned. */
export const quietRun: ActiveRun = { abandon: () => true, abort: () => undefined, cancel: () => undefined };

/** An entry whose run is over, waiting for its ack. */
export function settlingIn(groupStream: GroupStream, id = '1-0'): HeldEntry {
  const entry = runningIn(groupStream, id);
  entry.settle();
  return entry;
}

export function runningIn(groupStream: GroupStream, id = '1-0'): HeldEntry {
  const entry = takenFrom(groupStream, id);
  entry.queue();
  entry.run(quietRun);
  return entry;
}

export const contextOf = (): RedisStreamContext =>
  new RedisStreamContext({
    stream: 'app:sum',
    pattern: 'sum',
    id: '1-0',
    group: 'workers',
    consumer: 'one',
    attempt: 1,
    headers: {},
    messageId: undefined,
    isRequest: false,
  });
