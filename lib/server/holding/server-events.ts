import { EventEmitter } from 'node:events';
import type { ServerFacts } from '../../interfaces/events.js';

/** Tells listeners what happened to entries. A listener that throws is none of the transport's business. */
export class Facts {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  constructor(private readonly listenerFailed: (error: unknown) => void) {}

  on<Fact extends keyof ServerFacts>(name: Fact, listener: (fact: ServerFacts[Fact]) => void): void {
    this.emitter.on(name, listener);
  }

  tell<Fact extends keyof ServerFacts>(name: Fact, fact: ServerFacts[Fact]): void {
    for (const listener of this.emitter.listeners(name)) {
      try {
        (listener as (fact: ServerFacts[Fact]) => void)(fact);
      } catch (error) {
        this.listenerFailed(error);
      }
    }
  }
}
