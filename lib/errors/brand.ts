/**
 * A process may load two copies of this package, one by `import` and one by `require`. Their classes are not the same,
 * so an object that crosses from one copy to the other is recognized by a registered symbol.
 */
const markOf = (name: string): symbol => Symbol.for(`nestjs-redis-stream-transport/${name}`);

type Class = abstract new (...args: never[]) => object;

/**
 * Makes `instanceof` recognize instances of the other copy's class of this name. Subclasses without their own brand are
 * compared as usual. Call it in a static block of the class.
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

/** An object that both copies share, created by the first copy that asks for it. */
export function sharedByCopies<T extends object>(name: string, make: () => T): T {
  const shared = globalThis as { [key: symbol]: T | undefined };
  return (shared[markOf(name)] ??= make());
}
