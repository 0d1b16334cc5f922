/**
 * Whether clients may be pipelined and statements named: by what pg can do, and by what stands between the pool and its server.
 */
import type pg from 'pg';
import type { Clock } from './clock.ts';
import type { PoolerVerdict } from './pg_pooler.ts';

/** Since pg 8.23. */
export function canPipeline(Client: unknown): boolean {
  if (typeof Client !== 'function') return false;
  return typeof Client.prototype?._pulsePipelinedQueryQueue === 'function';
}

/** Who knows what stands in between. */
export interface PoolerView {
  readonly verdict: PoolerVerdict;
  settle(client?: pg.Client): Promise<PoolerVerdict>;
}

/** Between two attempts to find out, where the server cannot be asked. */
const ASK_AGAIN_MS = 1_000;

/**
 * Some poolers lose the answers of a pipelined connection (Supavisor in transaction mode, porsager/postgres#970), and some give
 * the next statement to another server connection, which does not know its name. So nothing is done before it is known to
 * be safe, and it is asked anew when connections may lead elsewhere.
 */
export class Permission {
  readonly #pooler: PoolerView;
  readonly #clock: Clock;
  readonly #generation: () => number;
  /** The generation that the verdict is about. */
  #asked: number | undefined;
  #askAgainAt: number = Number.NEGATIVE_INFINITY;

  constructor(pooler: PoolerView, clock: Clock, generation: () => number) {
    this.#pooler = pooler;
    this.#clock = clock;
    this.#generation = generation;
  }

  get #isKnown(): boolean {
    return this.#pooler.verdict.settled && this.#asked === this.#generation();
  }

  /** Whether it is the server itself that answers. */
  get isDirect(): boolean {
    const { settled, name } = this.#pooler.verdict;
    return settled && name === 'none';
  }

  async #ask(client?: pg.Client): Promise<void> {
    const generation = this.#generation();
    this.#askAgainAt = this.#clock.now() + ASK_AGAIN_MS;
    const { settled } = await this.#pooler.settle(client);
    if (settled) this.#asked = generation;
  }

  /** Whether a statement may be given a name now. While that is not known it may not, and is being found out. */
  mayName(): boolean {
    if (!this.#isKnown) {
      if (this.#clock.now() >= this.#askAgainAt) void this.#ask();
      return false;
    }
    return this.#pooler.verdict.namedStatements;
  }

  /**
   * Why clients must not be pipelined, in words; '' when they may be. Undefined when that has to be asked first: `settle`.
   */
  get whyNotPipelined(): string | undefined {
    if (!this.#isKnown) return undefined;
    const { pipelining, reasons } = this.#pooler.verdict;
    return pipelining ? '' : reasons.join(' ');
  }

  /** Finds out, on a client that nobody else uses. Never rejects. */
  settle(client: pg.Client): Promise<void> {
    return this.#ask(client);
  }
}
