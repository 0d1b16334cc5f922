import type { Redis } from 'ioredis';

/**
 * The steps that must be atomic. KEYS[1] is the value's key, the others are keys of tags.
 *
 * Each that writes ends by reading the key (`EXISTS`): in Redis's default tracking mode an own write takes the key off the
 * list of what this client is told about (NOLOOP hides the message, not the removal), and the read puts it back. Measured on
 * Redis 7.0: without it another node's invalidation of a value that this node filled sends nothing.
 */
const SCRIPTS = {
  /**
   * Takes the lease of an absent key, noting in it the stamps of its tags, the missing ones created. ARGV[5] and on are the names of the
   * tags. Replies {what is there or false, stamps…}.
   */
  fynloAcquire: `
local there = redis.call('GET', KEYS[1])
if there then return {there} end
local reply = {false}
local lease = ARGV[1]
for i = 2, #KEYS do
  local stamp = redis.call('GET', KEYS[i])
  if not stamp then
    stamp = ARGV[3]
    redis.call('SET', KEYS[i], stamp, 'PX', ARGV[4])
    redis.call('EXISTS', KEYS[i])
  end
  reply[i] = stamp
  if i > 2 then lease = lease .. ',' end
  lease = lease .. ARGV[i + 3] .. '=' .. stamp
end
redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
redis.call('EXISTS', KEYS[1])
return reply`,
  /** Reads or creates the stamps of KEYS, all of them tags. */
  fynloStamps: `
local reply = {}
for i = 1, #KEYS do
  local stamp = redis.call('GET', KEYS[i])
  if not stamp then
    stamp = ARGV[1]
    redis.call('SET', KEYS[i], stamp, 'PX', ARGV[2])
    redis.call('EXISTS', KEYS[i])
  end
  reply[i] = stamp
end
return reply`,
  /** Stores ARGV[2] if the key still starts with ARGV[1] (a lease, or the version read) and no tag was invalidated since. */
  fynloFill: `
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) ~= ARGV[i + 2] then
    redis.call('DEL', KEYS[1])
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('EXISTS', KEYS[1])
return 1`,
  /** Gives a lease or refresh lock back, if it is still ours. */
  fynloRelease: `
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`,
  /** Keeps a lease alive while its loader runs. */
  fynloRenew: `
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('EXISTS', KEYS[1])
return 1`,
  /** Stores without a condition; kills a lease that stands there. */
  fynloPut: `
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('EXISTS', KEYS[1])
return 1`,
} as const;

type Script = (keys: number, ...args: (string | number)[]) => Promise<unknown>;
export type ScriptedRedis = Redis & Record<keyof typeof SCRIPTS, Script>;

export function withScripts(redis: Redis): ScriptedRedis {
  for (const [name, lua] of Object.entries(SCRIPTS)) redis.defineCommand(name, { lua });
  return redis as ScriptedRedis;
}
