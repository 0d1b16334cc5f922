/**
 * Finds out what stands between a pool and its server, when somebody needs to know.
 */
import type pg from 'pg';
import { insideOf } from './_pg_client_inside.ts';
import { backendOf, type LookParts, lookAtPooler } from './_pg_pooler_look.ts';
import {
  isMadeUp,
  judgeClaim,
  judgePooler,
  NOTHING,
  type PoolerEvidence,
} from './_pg_pooler_policy.ts';
import type { PoolerClaim, PoolerVerdict } from './pg_pooler.ts';

/** A server that does not answer a new connection in this time is down, which others find out. */
const ASK_MS = 3_000;

/** A pooler whose servers are all busy answered nothing: it is not burdened further for a while. */
const ASK_AGAIN_MS = 2_000;

export interface DetectorParts extends LookParts {
  /** What the options say; undefined: find it out. */
  readonly claim: PoolerClaim | 'none' | undefined;
  /** Connections of another generation may lead elsewhere. */
  generation(): number;
}

/**
 * The first connection's process id and address come without asking, and where they look like a server's own nothing is asked
 * before somebody needs it: then `pg_backend_pid()` on one connection tells. Only where that differs, or no server has such an
 * id, two or three connections of its own look closer, once per generation, never behind anybody's statement.
 */
export class PoolerDetector {
  readonly #parts: DetectorParts;
  readonly #claimed: PoolerVerdict | undefined;
  #met: PoolerEvidence = {};
  #verdict: PoolerVerdict;
  #asking: Promise<PoolerVerdict> | undefined;
  #generation = 0;
  /** Until then nobody is asked again. */
  #askAgainAt: number = Number.NEGATIVE_INFINITY;

  constructor(parts: DetectorParts) {
    this.#parts = parts;
    const { claim } = parts;
    if (claim !== undefined) this.#claimed = claim === 'none' ? NOTHING : judgeClaim(claim);
    this.#verdict = this.#claimed ?? judgePooler({});
  }

  /** What is known by now. */
  get verdict(): PoolerVerdict {
    return this.#verdict;
  }

  /** A connection was opened: what it was told is evidence that costs nothing. */
  met(client: pg.Client): void {
    if (this.#verdict.settled) return;
    const { processID: told, host, port, user } = insideOf(client);
    // One id that no server has is enough; a random one may look like a server's.
    if (this.#met.told != null && isMadeUp(this.#met.told)) return;
    this.#met = { told, host, port, user };
    this.#verdict = judgePooler(this.#met);
  }

  /**
   * What stands in between, found out now if need be. Never rejects: where nobody can be asked, the verdict is as before, not
   * `settled`, and the next call asks again.
   *
   * @param client one that nobody else uses now; without, one is opened.
   */
  settle(client?: pg.Client): Promise<PoolerVerdict> {
    const current = this.#generation === this.#parts.generation();
    const isKnown = this.#claimed !== undefined || (this.#verdict.settled && current);
    if (isKnown || this.#parts.clock.now() < this.#askAgainAt) {
      return Promise.resolve(this.#verdict);
    }
    this.#asking ??= this.#ask(client).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(lent: pg.Client | undefined): Promise<PoolerVerdict> {
    const { clock } = this.#parts;
    const generation = this.#parts.generation();
    const client = lent ?? this.#parts.newClient();
    let late = false;
    const timer = clock.setTimeout(() => {
      late = true;
      // A lent one is its lender's to give up.
      if (lent === undefined) insideOf(client).connection?.stream?.destroy?.();
    }, ASK_MS);
    try {
      if (lent === undefined) {
        client.on('error', () => {});
        await client.connect();
      }
      const backend = await backendOf(client);
      const { processID: told, host, port, user } = insideOf(client);
      const seen = { told, backend, host, port, user };
      const verdict = judgePooler(seen);
      const closer = verdict.name === 'none' ? undefined : await lookAtPooler(this.#parts);
      this.#verdict = closer === undefined ? verdict : judgePooler({ ...seen, closer });
      this.#generation = generation;
      late = !this.#verdict.settled;
    } catch {
      // The server cannot be asked; who needed the verdict goes on with what is presumed.
    } finally {
      timer.cancel();
      if (late) this.#askAgainAt = clock.now() + ASK_AGAIN_MS;
      if (lent === undefined) await client.end().catch(() => {});
    }
    return this.#verdict;
  }
}
