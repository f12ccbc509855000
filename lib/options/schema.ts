import { RedisStreamOptionError } from '../errors/option-error.js';
import { meantBy } from './spelling.js';

/** How a value is checked and turned into a setting. A time appends its unit to the name of the setting. */
export interface Kind<In, Out = In, Unit extends '' | 'Ms' = ''> {
  readonly unit: Unit;
  readonly minimum?: number;
  readonly maximum?: number;
  /**
   * @param otherwise values for the properties that an object omits
   * @throws {RedisStreamOptionError}
   */
  read(value: unknown, path: string, otherwise: unknown): Out;
  /** Never set at run time: keeps the type of the given value apart from the type of the setting. */
  readonly given?: In;
}

/** A kind with its default. */
export interface Option<In, Out = In, Unit extends '' | 'Ms' = '', Need extends boolean = false> extends Kind<
  In,
  Out,
  Unit
> {
  readonly isRequired: Need;
  fallback(): Out;
}

type AnyOption = Option<unknown, unknown, '' | 'Ms', boolean>;

/** Options by name. The interface, the defaults, the bounds and the settings all come from here. */
export type Schema = { readonly [name: string]: AnyOption };

type RequiredNames<S> = { [Name in keyof S]: S[Name] extends { isRequired: true } ? Name : never }[keyof S];
type GivenOf<O> = O extends { readonly given?: infer Given } ? Exclude<Given, undefined> : never;
type SettingOf<O> = O extends { fallback(): infer Setting } ? Setting : never;
type UnitOf<O> = O extends { unit: infer Suffix extends string } ? Suffix : never;

// Mapped over a parameter that extends `keyof S`, without `as`: so the properties keep the comments of the schema.
type Needed<S, Names extends keyof S> = { readonly [Name in Names]: GivenOf<S[Name]> };
type Optional<S, Names extends keyof S> = { readonly [Name in Names]?: GivenOf<S[Name]> };

/** Options as a user writes them. */
export type OptionsOf<S> = Needed<S, RequiredNames<S>> & Optional<S, Exclude<keyof S, RequiredNames<S>>>;

/** Settings as the library uses them: complete, with units in the names, frozen. */
export type SettingsOf<S> = {
  readonly [Name in keyof S & string as `${Name}${UnitOf<S[Name]>}`]: SettingOf<S[Name]>;
};

/** An option with a default. */
export const optional = <In, Out, Unit extends '' | 'Ms', Fallback>(
  kind: Kind<In, Out, Unit>,
  fallback: Fallback,
): Option<In, Out | Fallback, Unit> => computed(kind, () => fallback);

/** An option whose default is computed each time. */
export const computed = <In, Out, Unit extends '' | 'Ms', Fallback>(
  kind: Kind<In, Out, Unit>,
  fallback: () => Fallback,
): Option<In, Out | Fallback, Unit> => ({ ...kind, isRequired: false, fallback });

/** An option that must be given. */
export const required = <In, Out, Unit extends '' | 'Ms'>(kind: Kind<In, Out, Unit>): Option<In, Out, Unit, true> => ({
  ...kind,
  isRequired: true,
  fallback: unreachable,
});

/** An option that defaults to the server's setting of the same name. */
export const inherited = <In, Out, Unit extends '' | 'Ms'>(kind: Kind<In, Out, Unit>): Option<In, Out, Unit> => ({
  ...kind,
  isRequired: false,
  fallback: unreachable,
});

/**
 * Checks what was given and fills in the rest from `otherwise`, which uses the names of settings, or from the defaults.
 * @throws {RedisStreamOptionError}
 */
export function resolve<S extends Schema>(
  schema: S,
  given: object,
  path: string,
  otherwise: Readonly<Record<string, unknown>> = {},
): SettingsOf<S> {
  const values = given as Readonly<Record<string, unknown>>;
  const settings: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(schema)) {
    const key = name + option.unit;
    const value = values[name];
    const rest = key in otherwise ? otherwise[key] : undefined;
    if (value !== undefined || option.isRequired) settings[key] = option.read(value, `${path}.${name}`, rest);
    else settings[key] = key in otherwise ? rest : option.fallback();
  }
  return Object.freeze(settings) as SettingsOf<S>;
}

/** @throws {RedisStreamOptionError} if the value is not an object */
export function assertObject(value: unknown, path: string, rule = 'an object'): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RedisStreamOptionError(path, rule, value);
  }
}

/** @throws {RedisStreamOptionError} for a key that is not in `names`; suggests the name that was probably meant */
export function assertKnown(given: object, names: readonly string[], path: string): void {
  for (const [name, value] of Object.entries(given)) {
    if (names.includes(name)) continue;
    const meant = meantBy(name, names);
    const hint = meant === undefined ? '' : ` (did you mean \`${meant}\`?)`;
    throw new RedisStreamOptionError(path + name, `one of ${names.join(', ')}${hint}`, value, true);
  }
}

function unreachable(): never {
  throw new Error('An option without a default was not given');
}
