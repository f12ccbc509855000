import type { DataSource } from 'typeorm';
import { FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS } from './user-names.js';

/** Users per statement: a statement takes at most a second, so that a kill loses little. */
const CHUNK = 10_000;

const COUNTS = `
SELECT (id - 1) / $2::int AS chunk, count(*)::int AS users FROM users WHERE id BETWEEN 1 AND $1::int GROUP BY 1`;

/**
 * `$1` to `$2`: ids; then arrays of first names, last names and domains. Every field is derived from the id. The
 * domains are reserved for examples (RFC 2606), and no phone number has the area code 555.
 */
const ADD = `
WITH added AS (
  INSERT INTO users (id, email, name, phone)
  SELECT id, lower(first || '.' || last) || id || '@' || domain, first || ' ' || last, '+1555' || lpad(id::text, 7, '0')
  FROM (
    SELECT id,
      ($3::text[])[1 + id % cardinality($3::text[])] AS first,
      ($4::text[])[1 + id / cardinality($3::text[]) % cardinality($4::text[])] AS last,
      ($5::text[])[1 + id % cardinality($5::text[])] AS domain
    FROM generate_series($1::int, $2::int) AS id) AS person
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT count(*)::int AS added FROM added`;

/** Receives the number of wanted users that exist so far. */
export type SeedProgress = (users: number) => void;

/**
 * Ensures that users 1 to `wanted` exist; leaves existing users unchanged. Several processes may run this concurrently.
 * @returns the number of users this call added
 */
export const seedUsers = async (source: DataSource, wanted: number, progress: SeedProgress): Promise<number> => {
  const counts = await source.query<{ chunk: number; users: number }[]>(COUNTS, [wanted, CHUNK]);
  const found = new Map(counts.map(({ chunk, users }) => [chunk, users]));
  let there = counts.reduce((sum, { users }) => sum + users, 0);
  let addedByUs = 0;
  for (let chunk = 0; chunk * CHUNK < wanted; chunk++) {
    const first = chunk * CHUNK + 1;
    const last = Math.min((chunk + 1) * CHUNK, wanted);
    const missing = last - first + 1 - (found.get(chunk) ?? 0);
    if (missing === 0) continue;
    const names = [FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS];
    const [row] = await source.query<{ added: number }[]>(ADD, [first, last, ...names]);
    addedByUs += row?.added ?? 0;
    progress((there += missing));
  }
  return addedByUs;
};
