import { PGlite } from '@electric-sql/pglite';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Ensures that `directory` holds a database. The database is created in a draft directory and renamed into place: a
 * process killed halfway would otherwise leave a partial database that never starts.
 *
 * @param templates directory that caches empty databases: creating one takes seconds, copying it half a second
 */
export const prepareDirectory = async (directory: string, templates: string | undefined): Promise<void> => {
  if (isDatabase(directory)) return;
  const template = templates === undefined ? undefined : await templateIn(templates);
  await settle(directory, template === undefined ? create : (draft) => cpSync(template, draft, { recursive: true }));
};

/** Undefined if no template can be stored, as in a checkout owned by another user. */
const templateIn = async (templates: string): Promise<string | undefined> => {
  const template = join(templates, pgliteVersion());
  if (!isDatabase(template)) await settle(template, create).catch(() => undefined);
  return isDatabase(template) ? template : undefined;
};

const isDatabase = (directory: string): boolean => existsSync(join(directory, 'PG_VERSION'));

const create = async (directory: string): Promise<void> => {
  const db = await PGlite.create(directory);
  await db.close();
};

const settle = async (directory: string, fill: (draft: string) => void | Promise<void>): Promise<void> => {
  mkdirSync(dirname(directory), { recursive: true });
  const draft = mkdtempSync(`${directory}.draft-`);
  try {
    await fill(draft);
    renameSync(draft, directory);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!isDatabase(directory)) throw error; // otherwise another process was faster
  }
};

/** The file layout may differ between versions. */
const pgliteVersion = (): string => {
  const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
};
