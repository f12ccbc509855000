import { createHash } from 'node:crypto';
import type { RedisClient } from '../interfaces/connection.js';
import type { StreamEntry } from './stream-commands.js';

/*
 * XCLAIM and XACK do not care who owns an entry: a plain renewal takes an entry back from its new owner, a plain
 * dead letter hides the other's work. So whatever may come too late asks XPENDING for the owner first, in one script.
 * Each script touches keys of one hash slot only.
 */

interface Script {
  readonly body: string;
  readonly sha: string;
}

const script = (body: string): Script => ({ body, sha: createHash('sha1').update(body).digest('hex') });

/** KEYS stream; ARGV group, consumer, ids … → the ids that this consumer no longer owns. */
const RENEW = script(`
local lost = {}
for i = 3, #ARGV do
  local owned = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if #owned == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
`);

/** KEYS stream; ARGV group, consumer, expected owner ('' = any), minimum idle, step, ids … → {id, attempt, fields, from}. */
const TAKE = script(`
local taken = {}
for i = 6, #ARGV do
  local found = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)[1]
  if found and (ARGV[3] == '' or found[2] == ARGV[3]) and found[3] >= tonumber(ARGV[4]) then
    local attempt = math.max(1, found[4] + tonumber(ARGV[5]))
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'RETRYCOUNT', attempt)[1]
    if claimed and claimed[2] then
      taken[#taken + 1] = {ARGV[i], attempt, claimed[2], found[2]}
    else
      redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
      taken[#taken + 1] = {ARGV[i], attempt, false, found[2]}
    end
  end
end
return taken
`);

/**
 * KEYS stream, dead-letter stream; ARGV group, consumer, id, '1' to delete the entry, then names and values to add
 * → 'stored' | 'not-owned' | 'gone'. Lua hands at most some 8,000 values to a call, so an entry with more fields is
 * kept whole as MessagePack in one field.
 */
const DEAD_LETTER = script(`
local group, consumer, id = ARGV[1], ARGV[2], ARGV[3]
if #redis.call('XPENDING', KEYS[1], group, id, id, 1, consumer) == 0 then return 'not-owned' end
local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
if not entry then
  redis.call('XACK', KEYS[1], group, id)
  return 'gone'
end
local added = {}
for i = 5, #ARGV, 2 do added[ARGV[i]] = true end
local args = {'XADD', KEYS[2], '*'}
if #entry[2] > 4000 then
  args[#args + 1] = 'x-packed'
  args[#args + 1] = cmsgpack.pack(entry[2])
else
  for i = 1, #entry[2], 2 do
    if not added[entry[2][i]] then
      args[#args + 1] = entry[2][i]
      args[#args + 1] = entry[2][i + 1]
    end
  end
end
for i = 5, #ARGV do args[#args + 1] = ARGV[i] end
redis.call(unpack(args))
redis.call('XACK', KEYS[1], group, id)
if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], id) end
return 'stored'
`);

/**
 * KEYS stream; ARGV group, consumer, idle, attempts to take off, ids … Gives entries to the consumer that was seen last,
 * with an idle time that makes the next sweep of any instance take them, so that the giver leaves nothing behind.
 */
const HAND_BACK = script(`
local heir, seen = ARGV[2], 60000
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local name, idle
  for i = 1, #info, 2 do
    if info[i] == 'name' then name = info[i + 1] elseif info[i] == 'idle' then idle = info[i + 1] end
  end
  if name ~= ARGV[2] and idle < seen then heir, seen = name, idle end
end
local given = 0
for i = 5, #ARGV do
  local owned = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if owned then
    local attempt = math.max(0, owned[4] - tonumber(ARGV[4]))
    redis.call('XCLAIM', KEYS[1], ARGV[1], heir, 0, ARGV[i], 'IDLE', ARGV[3], 'RETRYCOUNT', attempt, 'JUSTID')
    given = given + 1
  end
end
return given
`);

/**
 * KEYS stream; ARGV group, own name, minimum idle. Removes consumers with nothing pending: itself when the idle time
 * is '', else the others that were not seen for so long. Check and removal are one step: a consumer that got an entry
 * in between would take it with it.
 */
const RETIRE = script(`
local retired = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local about = {}
  for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
  local own = about.name == ARGV[2]
  local due = ARGV[3] == '' and own or ARGV[3] ~= '' and not own and about.idle >= tonumber(ARGV[3])
  if due and about.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], about.name)
    retired = retired + 1
  end
end
return retired
`);

/**
 * KEYS stream; ARGV maximum length, oldest id to keep by age ('' = any age) → number trimmed. Never touches what some
 * group has not settled: the bound is the smallest id that is pending, or was delivered last, in any group.
 * LIMIT keeps the newest entries although MINID alone would not.
 */
const TRIM = script(`
local function before(a, b)
  local ams, aseq = a:match('^(%d+)-(%d+)$')
  local bms, bseq = b:match('^(%d+)-(%d+)$')
  if ams ~= bms then return #ams < #bms or #ams == #bms and ams < bms end
  return #aseq < #bseq or #aseq == #bseq and aseq < bseq
end
local bound
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local about = {}
  for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
  local settled = about['last-delivered-id']
  if about.pending > 0 then
    local oldest = redis.call('XPENDING', KEYS[1], about.name)[2]
    if oldest and before(oldest, settled) then settled = oldest end
  end
  if not bound or before(settled, bound) then bound = settled end
end
if not bound or bound == '0-0' then return 0 end
local trimmed = 0
if ARGV[2] ~= '' then
  local age = before(ARGV[2], bound) and ARGV[2] or bound
  trimmed = redis.call('XTRIM', KEYS[1], 'MINID', '=', age)
end
local excess = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[1])
if excess > 0 then trimmed = trimmed + redis.call('XTRIM', KEYS[1], 'MINID', '~', bound, 'LIMIT', excess) end
return trimmed
`);

/** A stream, a group on it and this process' consumer in that group: what every script works on. */
export interface Membership {
  readonly stream: string;
  readonly group: string;
  readonly consumer: string;
}

export interface TakenEntry extends StreamEntry {
  readonly attempt: number;
  readonly from: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly deadLetterStream: string;
  readonly deleteEntry: boolean;
  /** Names and values to add to the fields of the entry. */
  readonly extra: readonly string[];
}

/** Extends the lease of entries. Returns the ids that another consumer owns by now, or that are settled. */
export async function renewLease(client: RedisClient, at: Membership, ids: readonly string[]): Promise<string[]> {
  return (await run(client, RENEW, [at.stream], [at.group, at.consumer, ...ids])) as string[];
}

export interface TakeRule {
  /** Only entries of this consumer; absent: of any. */
  readonly from?: string;
  readonly minIdleMs: number;
  /** Whether what follows counts as a further attempt. */
  readonly countAttempt: boolean;
}

/** Makes this consumer the owner of pending entries and returns them with their bodies and attempts. */
export async function takeEntries(
  client: RedisClient,
  at: Membership,
  rule: TakeRule,
  ids: readonly string[],
): Promise<TakenEntry[]> {
  const step = rule.countAttempt ? 1 : 0;
  const reply = await run(
    client,
    TAKE,
    [at.stream],
    [at.group, at.consumer, rule.from ?? '', rule.minIdleMs, step, ...ids],
  );
  return (reply as [string, number, string[] | null, string][]).map(([id, attempt, fields, from]) => ({
    id,
    attempt,
    fields,
    from,
  }));
}

/** Stores a copy of an entry with its raw bytes and acks the entry, both or neither, if this consumer still owns it. */
export async function storeDeadLetter(
  client: RedisClient,
  at: Membership,
  letter: DeadLetter,
): Promise<'stored' | 'not-owned' | 'gone'> {
  const keys = [at.stream, letter.deadLetterStream];
  const args = [at.group, at.consumer, letter.id, letter.deleteEntry ? '1' : '0', ...letter.extra];
  return (await run(client, DEAD_LETTER, keys, args)) as 'stored' | 'not-owned' | 'gone';
}

/** Gives entries away so that the next sweep of any instance takes them. `started` ones keep their attempts. */
export async function handBack(
  client: RedisClient,
  at: Membership,
  ids: readonly string[],
  how: { started: boolean; idleMs: number },
): Promise<void> {
  await run(client, HAND_BACK, [at.stream], [at.group, at.consumer, how.idleMs, how.started ? 0 : 1, ...ids]);
}

/** Removes this consumer if it has nothing pending. */
export async function retireConsumer(client: RedisClient, at: Membership): Promise<boolean> {
  return Number(await run(client, RETIRE, [at.stream], [at.group, at.consumer, ''])) > 0;
}

/** Removes other consumers that have nothing pending and were not seen for `idleMs`. */
export async function retireGhosts(client: RedisClient, at: Membership, idleMs: number): Promise<number> {
  return Number(await run(client, RETIRE, [at.stream], [at.group, at.consumer, idleMs]));
}

/** Trims what every group has settled, down to `maxLength` and, where given, to entries from `oldestId` on. */
export async function trimSettled(
  client: RedisClient,
  stream: string,
  maxLength: number,
  oldestId: string | undefined,
): Promise<number> {
  return Number(await run(client, TRIM, [stream], [maxLength, oldestId ?? '']));
}

async function run(
  client: RedisClient,
  { sha, body }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(body, keys.length, ...keys, ...args);
  }
}
