import { RedisStreamOptionError } from '../errors/option-error.js';
import type { RedisConnection } from '../interfaces/connection.js';
import { CLIENT_OPTIONS } from './client-options.js';
import { assertConnection } from './connection-check.js';
import { HANDLER_EXTRAS } from './handler-extras.js';
import type { RedisStreamClientOptions, RedisStreamHandlerExtras, RedisStreamServerOptions } from './options.js';
import { assertKnown, assertObject, resolve } from './schema.js';
import type { Schema, SettingsOf } from './schema.js';
import { SERVER_OPTIONS } from './server-options.js';
import { SHARED_OPTIONS } from './shared-options.js';
import { meantBy } from './spelling.js';

interface SharedSettings extends SettingsOf<typeof SHARED_OPTIONS> {
  readonly connection: RedisConnection;
}

export interface ServerSettings extends SharedSettings, SettingsOf<typeof SERVER_OPTIONS> {}

export interface ClientSettings extends SharedSettings, SettingsOf<typeof CLIENT_OPTIONS> {}

/** The settings of one handler: its `extras`, then the settings of the server. */
export interface HandlerSettings extends SettingsOf<typeof HANDLER_EXTRAS> {}

/** @throws {RedisStreamOptionError} */
export function resolveServerOptions(options: RedisStreamServerOptions): ServerSettings {
  return resolveSide(options, SERVER_OPTIONS);
}

/** @throws {RedisStreamOptionError} */
export function resolveClientOptions(options: RedisStreamClientOptions): ClientSettings {
  return resolveSide(options, CLIENT_OPTIONS);
}

/** @throws {RedisStreamOptionError} for a wrong value or a misspelled name */
export function resolveHandlerExtras(extras: RedisStreamHandlerExtras, server: ServerSettings): HandlerSettings {
  assertSpelling(extras);
  const ofServer: HandlerSettings = { ...server, group: server.consumerGroup, concurrency: undefined };
  return resolve(HANDLER_EXTRAS, extras, 'extras', { ...ofServer });
}

/** Unknown names in a handler's extras. They have no effect unless another transport serves the handler, too. */
export const unknownExtras = (extras: object): string[] =>
  Object.keys(extras).filter((name) => !Object.hasOwn(HANDLER_EXTRAS, name));

function resolveSide<S extends Schema>(
  options: { connection: RedisConnection; option?: object },
  schema: S,
): SharedSettings & SettingsOf<S> {
  assertObject(options, 'options', 'an object with `connection`');
  assertKnown(options, ['connection', 'option'], '');
  const { connection, option = {} } = options;
  assertConnection(connection);
  assertObject(option, 'option');
  assertKnown(option, [...Object.keys(SHARED_OPTIONS), ...Object.keys(schema)], 'option.');
  const shared: SharedSettings = { connection, ...resolve(SHARED_OPTIONS, option, 'option') };
  const settings = { ...shared, ...resolve(schema, option, 'option') };
  Object.freeze(settings);
  return settings;
}

/** Accepts unknown extras, which may belong to another transport, but not misspelled ones. */
function assertSpelling(extras: object): void {
  for (const name of unknownExtras(extras)) {
    const meant = meantBy(name, Object.keys(HANDLER_EXTRAS));
    if (meant === undefined) continue;
    const value = (extras as Readonly<Record<string, unknown>>)[name];
    throw new RedisStreamOptionError(`extras.${name}`, `absent (did you mean \`${meant}\`?)`, value, true);
  }
}
