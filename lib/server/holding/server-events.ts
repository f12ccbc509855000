import { EventEmitter } from 'node:events';
import type { ServerEvents } from '../../interfaces/events.js';
import { isThenable } from '../../timing/thenable.js';

/** Emits server events. An error in a listener is logged, and affects neither other listeners nor the server. */
export class ServerEventEmitter {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  constructor(private readonly listenerFailed: (error: unknown) => void) {}

  on<Name extends keyof ServerEvents>(name: Name, listener: (event: ServerEvents[Name]) => unknown): void {
    this.emitter.on(name, listener);
  }

  emit<Name extends keyof ServerEvents>(name: Name, event: ServerEvents[Name]): void {
    for (const listener of this.emitter.listeners(name)) {
      try {
        const result: unknown = (listener as (event: ServerEvents[Name]) => unknown)(event);
        if (isThenable(result)) result.then(undefined, this.listenerFailed);
      } catch (error) {
        this.listenerFailed(error);
      }
    }
  }
}
