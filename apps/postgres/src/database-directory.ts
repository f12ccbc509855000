import { PGlite } from '@electric-sql/pglite';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Sees to it that a database is in `directory`. It is made beside and then moved: a process that is killed meanwhile
 * would leave half of one, which never starts again.
 *
 * @param templates where an empty one is kept for the next time: to make one takes seconds, to copy it half of one
 */
export const prepareDirectory = async (directory: string, templates: string | undefined): Promise<void> => {
  if (isDatabase(directory)) return;
  const template = templates === undefined ? undefined : await templateIn(templates);
  await settle(directory, template === undefined ? create : (draft) => cpSync(template, draft, { recursive: true }));
};

/** Undefined where none can be kept, as in a checkout that belongs to somebody else. */
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
    if (!isDatabase(directory)) throw error; // else somebody else was quicker
  }
};

/** Another version may keep its files otherwise. */
const pgliteVersion = (): string => {
  const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
};
