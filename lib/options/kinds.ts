import { RedisStreamOptionError } from '../errors/option-error.js';
import { MAX_TIME_MS } from '../timing/time.js';
import { isIllFormed } from '../topology/text.js';
import { assertKnown, assertObject, resolve } from './schema.js';
import type { Kind, OptionsOf, Schema, SettingsOf } from './schema.js';

/** An integer without an upper bound. */
export const integer = (minimum: number): Kind<number> => ({
  unit: '',
  minimum,
  read: (value, path) => integerFrom(value, path, { minimum, maximum: Number.MAX_SAFE_INTEGER }),
});

/** Milliseconds; by default at most what a timer accepts. */
export const time = (minimum: number, maximum = MAX_TIME_MS): Kind<number, number, 'Ms'> => ({
  unit: 'Ms',
  minimum,
  maximum,
  read: (value, path) => integerFrom(value, path, { minimum, maximum }),
});

/** Like `time`, plus 0 for "never". */
export const timeOrNever = (minimum: number, maximum: number): Kind<number, number, 'Ms'> => ({
  unit: 'Ms',
  minimum,
  maximum,
  read: (value, path) => (value === 0 ? 0 : integerFrom(value, path, { minimum, maximum, or: '0 or ' })),
});

/** Name of a group or a consumer. */
export const name = (): Kind<string> =>
  text('a non-empty, well-formed string without spaces', (value) => value !== '' && !/[\s\u0000-\u001f]/.test(value));

export const text = (rule: string, holds: (value: string) => boolean): Kind<string> => ({
  unit: '',
  read(value, path) {
    if (typeof value === 'string' && !isIllFormed(value) && holds(value)) return value;
    throw new RedisStreamOptionError(path, rule, value);
  },
});

export const callback = <Call>(): Kind<Call> => ({
  unit: '',
  read(value, path) {
    if (typeof value === 'function') return value as Call;
    throw new RedisStreamOptionError(path, 'a function', value);
  },
});

/** An object from the user that has this method. */
export const having = <T extends object>(method: keyof T & string): Kind<T> => ({
  unit: '',
  read(value, path) {
    const isIt = typeof value === 'object' && value !== null && typeof (value as T)[method] === 'function';
    if (!isIt) throw new RedisStreamOptionError(path, `an object with a method \`${method}\``, value);
    return value as T;
  },
});

/** An object of options. Omitted properties are as without the object. `fits` checks all properties together. */
export const parts = <S extends Schema>(
  schema: S,
  fits: (settings: SettingsOf<S>, path: string, given: OptionsOf<S>) => SettingsOf<S> = (settings) => settings,
): Kind<OptionsOf<S>, SettingsOf<S>> => ({
  unit: '',
  read(value, path, otherwise) {
    assertObject(value, path);
    assertKnown(value, Object.keys(schema), `${path}.`);
    const settings = resolve(schema, value, path, otherwise as Readonly<Record<string, unknown>> | undefined);
    return fits(settings, path, value as OptionsOf<S>);
  },
});

interface Range {
  readonly minimum: number;
  readonly maximum: number;
  /** What else is allowed, for the error message. */
  readonly or?: string;
}

/** @throws {RedisStreamOptionError} */
export function integerFrom(value: unknown, path: string, { minimum, maximum, or = '' }: Range): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
  const range = maximum === Number.MAX_SAFE_INTEGER ? `>= ${minimum}` : `from ${minimum} to ${maximum}`;
  throw new RedisStreamOptionError(path, `${or}an integer ${range}`, value);
}
