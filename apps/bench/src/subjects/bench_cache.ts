import { type SubjectKind, subjectsOf } from './subjects_of.ts';

/** The value that every cache keeps: what a product row looks like as JSON, 95 bytes. */
export const VALUE = { id: 1, name: 'x'.repeat(70), n: 42 };

export type Value = typeof VALUE;

/** What every cache under test can do, in its own best way. */
export interface BenchCache {
  /** What `loader` returns, from the cache where it is there. */
  getOrSet(key: string, loader: () => Promise<Value>): Value | Promise<Value>;
  /** The value of the shared level; undefined when it is not there. */
  get(key: string): unknown | Promise<unknown>;
  /** Removes the keys here and at every other node, in batches of the size the library's documentation advises. */
  invalidate(keys: readonly string[]): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface BenchCacheOptions {
  readonly redisUrl: string;
  /** Whether values are also kept in the process. */
  readonly local: boolean;
  /** First part of the keys in Redis; nodes of one fleet share it. */
  readonly namespace: string;
}

/** A cache library at its best documented settings. */
export type CacheKind = SubjectKind<BenchCacheOptions, BenchCache>;

/** A subject of each library. */
export const cacheSubjects: typeof subjectsOf<BenchCacheOptions, BenchCache> = subjectsOf;

export function notSupported(what: string): never {
  throw new Error(`This subject cannot ${what}: it does not belong into this scenario`);
}
