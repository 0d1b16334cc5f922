import type { Metrics } from '../measure/metric.ts';
import type { Subject } from '../scenario/scenario.ts';

/** What every pool under test can do, in its own best way. */
export interface BenchPool {
  /** One-shot query; resolves with the rows. */
  query(text: string, values?: readonly unknown[]): Promise<readonly unknown[]>;
  /** Checks a connection out for the time of `work`. */
  withConnection<T>(work: (query: BenchPool['query']) => Promise<T>): Promise<T>;
  /** Connects that succeeded since the pool was made; undefined where the library gives no way to count them. */
  opened(): number | undefined;
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

/** A pool library at settings its documentation recommends. The library is loaded when a pool is made, not before. */
export interface PoolKind {
  readonly name: string;
  readonly settings: string;
  readonly notBuilt?: string;
  open(options: BenchPoolOptions): Promise<BenchPool>;
}

/** Makes subjects of pool kinds: each round opens the pool, works, and closes it. */
export function poolSubjects(
  kinds: readonly PoolKind[],
  work: (
    open: PoolKind['open'],
    context: Parameters<Subject['round']>[0],
  ) => ReturnType<Subject['round']>,
): Subject[] {
  return kinds.map(({ name, settings, notBuilt, open }) => ({
    name,
    settings,
    ...(notBuilt === undefined ? {} : { notBuilt }),
    round: (context) => work(open, context),
  }));
}
