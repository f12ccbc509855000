import { RedisStreamOptionError } from '../errors/option-error.js';

/** Reads options one by one; each message names the option, the rule and what was received. */
export class OptionCheck {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(
    values: object,
    private readonly path: string,
  ) {
    this.values = values as Readonly<Record<string, unknown>>;
  }

  integer(name: string, otherwise: number, minimum: number): number {
    const value = this.values[name] === undefined ? otherwise : this.values[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < minimum) {
      throw new RedisStreamOptionError(`${this.path}.${name}`, `an integer >= ${minimum}`, value);
    }
    return value;
  }

  name(name: string, otherwise?: string): string {
    const value = this.values[name] === undefined ? otherwise : this.values[name];
    if (typeof value !== 'string' || value === '' || /[\s\u0000-\u001f]/.test(value)) {
      throw new RedisStreamOptionError(`${this.path}.${name}`, 'a non-empty string without spaces', value);
    }
    return value;
  }

  function<T>(name: string, otherwise: T): T {
    const value = this.values[name] === undefined ? otherwise : this.values[name];
    if (typeof value !== 'function') throw new RedisStreamOptionError(`${this.path}.${name}`, 'a function', value);
    return value as T;
  }

  codec(name: string, method: string): object | undefined {
    const value = this.values[name];
    if (value === undefined) return undefined;
    if (
      typeof value !== 'object' ||
      value === null ||
      typeof (value as Record<string, unknown>)[method] !== 'function'
    ) {
      throw new RedisStreamOptionError(`${this.path}.${name}`, `an object with a method \`${method}\``, value);
    }
    return value;
  }
}
