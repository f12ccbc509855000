import { EventEmitter } from 'node:events';
import type { ServerEvents } from '../../interfaces/events.js';

/** Tells listeners what happened to entries. A listener that throws is none of the transport's business. */
export class ServerEventEmitter {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  constructor(private readonly listenerFailed: (error: unknown) => void) {}

  on<Name extends keyof ServerEvents>(name: Name, listener: (event: ServerEvents[Name]) => void): void {
    this.emitter.on(name, listener);
  }

  emit<Name extends keyof ServerEvents>(name: Name, event: ServerEvents[Name]): void {
    for (const listener of this.emitter.listeners(name)) {
      try {
        (listener as (event: ServerEvents[Name]) => void)(event);
      } catch (error) {
        this.listenerFailed(error);
      }
    }
  }
}
