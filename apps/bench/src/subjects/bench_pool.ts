import type { Metrics } from '../measure/metric.ts';
import { type SubjectKind, subjectsOf } from './subjects_of.ts';

/** What every pool under test can do, in its own best way. */
export interface BenchPool {
  /** One-shot query; resolves with the rows. */
  query(text: string, values?: readonly unknown[]): Promise<readonly unknown[]>;
  /** Checks a connection out for the time of `work`. */
  withConnection<T>(work: (query: BenchPool['query']) => Promise<T>): Promise<T>;
  /** Connects that succeeded since the pool was made; undefined where the library gives no way to count them. */
  opened(): number | undefined;
  /** Connections it has now, where the library tells it. */
  size?(): number;
  /** Where the time of an operation goes, where the pool itself tells it: waiting, holding a connection, connecting. */
  split?(): TimeSplit;
  end(): Promise<void>;
}

export type TimeSplit = Pick<Metrics, 'waitP50Ms' | 'waitP99Ms' | 'useP50Ms' | 'createP50Ms'>;

export interface BenchPoolOptions {
  readonly databaseUrl: string;
  readonly connections: number;
  /** Deadline of an acquire, ms; absent: none. */
  readonly acquireTimeoutMs?: number;
}

/** A pool library at its best documented settings. */
export type PoolKind = SubjectKind<BenchPoolOptions, BenchPool>;

/** A subject of each library. */
export const poolSubjects: typeof subjectsOf<BenchPoolOptions, BenchPool> = subjectsOf;
