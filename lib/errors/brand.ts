/**
 * A process may hold two copies of this package: one that was imported, one that was required. Their classes are not the
 * same, so what crosses from one to the other is recognised by a registered symbol.
 */
const markOf = (name: string): symbol => Symbol.for(`nestjs-redis-stream-transport/${name}`);

type Class = abstract new (...args: never[]) => object;

/**
 * Makes `instanceof` recognise instances of the other copy's class of this name. Subclasses that carry no brand of their own
 * are compared as usual. Called in a static block of the class.
 */
export function brand(constructor: Class, name: string): void {
  const mark = markOf(name);
  Object.defineProperty(constructor.prototype, mark, { value: true });
  Object.defineProperty(constructor, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== constructor) return Function.prototype[Symbol.hasInstance].call(this as Class, value);
      return typeof value === 'object' && value !== null && mark in value;
    },
  });
}

/** Something that both copies share, made by the first that asks for it. */
export function sharedByCopies<T extends object>(name: string, make: () => T): T {
  const shared = globalThis as { [key: symbol]: T | undefined };
  return (shared[markOf(name)] ??= make());
}
