import type { MessageHandler } from '@nestjs/microservices';
import { RedisStreamOptionError } from '../errors/option-error.js';
import type { RedisStreamHandlerExtras } from '../options/options.js';
import { resolveHandlerExtras, unknownExtras } from '../options/settings.js';
import type { ServerSettings } from '../options/settings.js';
import type { Route } from './holding/group-stream.js';

/**
 * The handlers of each pattern and group. Separate from Nest's own map, which chains several handlers of one event into
 * a `forkJoin`: that completes as soon as one of them completes without a value, and unsubscribes the others.
 */
export class HandlerRoutes {
  private readonly routes = new Map<string, Route>();
  /** Names of extras that are unknown here; they may belong to another transport of the same handler. */
  readonly strangeExtras = new Set<string>();

  constructor(private readonly settings: ServerSettings) {}

  get all(): Route[] {
    return [...this.routes.values()];
  }

  /** @throws {RedisStreamOptionError} for extras that are invalid, or differ from those of the route so far */
  add(pattern: string, handler: MessageHandler, isEventHandler: boolean, extras: RedisStreamHandlerExtras): void {
    const settings = resolveHandlerExtras(extras, this.settings);
    for (const name of unknownExtras(extras)) this.strangeExtras.add(name);
    const key = JSON.stringify([settings.group, pattern]);
    let route = this.routes.get(key);
    if (!route) {
      route = { pattern, group: settings.group, settings, eventHandlers: [], messageHandler: undefined };
      this.routes.set(key, route);
    } else if (JSON.stringify(route.settings) !== JSON.stringify(settings)) {
      // An entry is delivered, retried and dead-lettered once for all its handlers.
      throw new RedisStreamOptionError(
        `extras of "${pattern}"`,
        `the same for all its handlers in group "${settings.group}"`,
        extras,
      );
    }
    if (isEventHandler) route.eventHandlers.push(handler);
    else route.messageHandler = handler;
  }
}
