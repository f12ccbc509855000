import type { MessageHandler } from '@nestjs/microservices';
import { RedisStreamOptionError } from '../../../lib/errors/option-error.js';
import { HandlerRoutes } from '../../../lib/server/handler-routes.js';
import { resolveServerOptions } from '../../../lib/options/settings.js';

const server = resolveServerOptions({ connection: {}, option: { consumerGroup: 'workers', maxAttempts: 4 } });
const handler = (): MessageHandler => async () => undefined as never;

describe('HandlerRoutes', () => {
  let routes: HandlerRoutes;
  beforeEach(() => {
    routes = new HandlerRoutes(server);
  });

  it('gives a handler the settings of the server by default', () => {
    const one = handler();
    routes.add('order.created', one, true, {});
    expect(routes.all).toHaveLength(1);
    expect(routes.all[0]).toMatchObject({
      pattern: 'order.created',
      group: 'workers',
      settings: { maxAttempts: 4, concurrency: undefined },
      eventHandlers: [one],
      messageHandler: undefined,
    });
  });

  it('keeps all event handlers of a pattern, in the order in which they were added', () => {
    const three = [handler(), handler(), handler()];
    for (const one of three) routes.add('order.created', one, true, {});
    expect(routes.all).toHaveLength(1);
    expect(routes.all[0]?.eventHandlers).toEqual(three);
  });

  it('keeps the last message handler of a pattern, as Nest does', () => {
    const [first, second] = [handler(), handler()];
    routes.add('sum', first, false, {});
    routes.add('sum', second, false, {});
    expect(routes.all[0]).toMatchObject({ messageHandler: second, eventHandlers: [] });
  });

  it('keeps message and event handlers of one pattern apart, on one route', () => {
    const [message, event] = [handler(), handler()];
    routes.add('both', message, false, {});
    routes.add('both', event, true, {});
    expect(routes.all).toHaveLength(1);
    expect(routes.all[0]).toMatchObject({ messageHandler: message, eventHandlers: [event] });
  });

  it('gives a handler with its own group its own route', () => {
    routes.add('order.created', handler(), true, {});
    routes.add('order.created', handler(), true, { group: 'mailer', maxAttempts: 9 });
    expect(routes.all.map(({ group, settings }) => [group, settings.maxAttempts])).toEqual([
      ['workers', 4],
      ['mailer', 9],
    ]);
  });

  it('gives a handler that names the group of the server the route of those that name none', () => {
    routes.add('order.created', handler(), true, {});
    routes.add('order.created', handler(), true, { group: 'workers', maxAttempts: 4 });
    expect(routes.all).toHaveLength(1);
  });

  it('distinguishes pairs of pattern and group that are equal when concatenated', () => {
    routes.add('b', handler(), true, { group: 'a:' });
    routes.add(':b', handler(), true, { group: 'a' });
    routes.add('"],["', handler(), true, { group: 'a' });
    routes.add('__proto__', handler(), true, {});
    expect(routes.all).toHaveLength(4);
  });

  it.each([
    ['maxAttempts', { maxAttempts: 9 }],
    ['concurrency', { concurrency: 1 }],
    ['backoff', { backoff: { delay: 7 } }],
    ['startFrom', { startFrom: '$' }],
    ['handlerTimeout', { handlerTimeout: 50 }],
  ])('refuses handlers of one pattern and group that disagree on %s', (_name, extras) => {
    routes.add('order.created', handler(), true, {});
    const add = (): void => routes.add('order.created', handler(), true, extras);
    expect(add).toThrow(RedisStreamOptionError);
    expect(add).toThrow('Expected `extras of "order.created"` to be the same for all its handlers in group "workers"');
    expect(routes.all[0]?.eventHandlers).toHaveLength(1);
  });

  it('refuses an event and a message handler of one pattern that disagree', () => {
    routes.add('both', handler(), false, {});
    expect(() => routes.add('both', handler(), true, { maxAttempts: 1 })).toThrow(RedisStreamOptionError);
  });

  it('lets handlers in different groups disagree', () => {
    routes.add('order.created', handler(), true, { concurrency: 1 });
    expect(() => routes.add('order.created', handler(), true, { group: 'mailer', concurrency: 2 })).not.toThrow();
  });

  it('refuses an invalid extra by name', () => {
    expect(() => routes.add('sum', handler(), false, { maxAttempts: 0 })).toThrow(
      'Expected `extras.maxAttempts` to be an integer >= 1, got `0` (number)',
    );
    expect(routes.all).toEqual([]);
  });

  it('ignores extras of other libraries', () => {
    const extras = { role: 'admin', maxAttempts: 2 };
    routes.add('sum', handler(), false, extras);
    expect(routes.all[0]?.settings.maxAttempts).toBe(2);
  });
});
