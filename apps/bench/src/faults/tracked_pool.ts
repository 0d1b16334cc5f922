import { NotApplicableError } from './fault.ts';
import type { FaultClient, FaultPool, FaultPoolOptions, Row } from './fault_subject.ts';
import type { LoopStalls } from './loop_stalls.ts';

/** A pool whose calls are watched: the oracle asks whether each was settled, and acquires in time. */
export class TrackedPool {
  readonly options: FaultPoolOptions;
  /** Set by the first end; what comes of it. */
  ended: Promise<unknown> | undefined;
  /** Calls that nobody has answered yet. */
  unsettled = 0;
  /** How much later than its deadline an acquire was answered, at worst, ms, without the time in which the process stood still. */
  latestMs = 0;
  /** How often each error was told; of addresses only the host. */
  readonly errors = new Map<string, number>();
  readonly #pool: FaultPool;
  readonly #stalls: LoopStalls;

  constructor(pool: FaultPool, options: FaultPoolOptions, stalls: LoopStalls) {
    this.#pool = pool;
    this.options = options;
    this.#stalls = stalls;
  }

  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    return this.#settling(() => this.#pool.query(text, values));
  }

  acquire(): Promise<FaultClient> {
    const deadline = performance.now() + this.options.acquireTimeoutMs;
    const answered = (): void => {
      const lateMs = performance.now() - deadline;
      if (lateMs <= this.latestMs) return;
      this.latestMs = Math.max(this.latestMs, lateMs - this.#stalls.lostSince(deadline));
    };
    return this.#settling(() => this.#pool.acquire()).then(
      (client) => {
        answered();
        return this.#watched(client);
      },
      (error) => {
        answered();
        throw error;
      },
    );
  }

  /** Acquires, works and gives back. */
  async using<T>(work: (client: FaultClient) => Promise<T>): Promise<T> {
    const client = await this.acquire();
    try {
      return await work(client);
    } finally {
      await client.release();
    }
  }

  /** By the library's own call, where it has one; else as its documentation does it. */
  transaction(work: (query: FaultClient['query']) => Promise<void>): Promise<void> {
    const { transaction } = this.#pool;
    if (transaction !== undefined) return this.#settling(() => transaction(work));
    return this.using(async ({ query }) => {
      try {
        await query('begin');
        await work(query);
        await query('commit');
      } catch (error) {
        await query('rollback').catch(() => undefined);
        throw error;
      }
    });
  }

  prepared(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const { prepared } = this.#pool;
    if (prepared === undefined) throw new NotApplicableError('it has no prepared statements');
    return this.#settling(() => prepared(text, values));
  }

  stoppedAfter(text: string, ms: number): Promise<readonly Row[]> {
    const { stoppedAfter } = this.#pool;
    if (stoppedAfter === undefined) {
      throw new NotApplicableError('it has no way to stop a statement on the server');
    }
    return this.#settling(() => stoppedAfter(text, ms));
  }

  /** Gives this pool a client of another one; undefined where a client knows its pool. */
  get takeBack(): ((foreign: FaultClient) => unknown) | undefined {
    return this.#pool.takeBack;
  }

  size(): number | undefined {
    return this.#pool.size?.();
  }

  violations(): readonly string[] {
    return this.#pool.violations?.() ?? [];
  }

  end(): Promise<unknown> {
    const end = this.#pool.end();
    this.ended ??= end;
    return end;
  }

  /** @returns whether the library has such a call; otherwise it is ended without */
  endWithin(graceMs: number): Promise<unknown> {
    if (this.#pool.endWithin === undefined) return this.end();
    const end = this.#pool.endWithin(graceMs);
    this.ended ??= end;
    return end;
  }

  #watched(client: FaultClient): FaultClient {
    return { ...client, query: (text, values) => this.#settling(() => client.query(text, values)) };
  }

  async #settling<T>(call: () => Promise<T>): Promise<T> {
    this.unsettled++;
    try {
      return await call();
    } catch (error) {
      const text = error instanceof Error ? error.message || error.name : String(error);
      const told = text.split('\n', 1)[0]?.replaceAll(/(:\d+)\b/g, '') ?? '';
      this.errors.set(told, (this.errors.get(told) ?? 0) + 1);
      throw error;
    } finally {
      this.unsettled--;
    }
  }
}
