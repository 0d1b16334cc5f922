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
  #asking: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
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
   * `settled`, and a later call asks again.
   *
   * @param client one that nobody else uses now. It is asked one thing, and not held for longer: where that calls for a closer
   * look, the verdict is not settled yet. Without one, connections are opened, and the look is waited for.
   */
  async settle(client?: pg.Client): Promise<PoolerVerdict> {
    if (this.#isKnown) return this.#verdict;
    if (this.#looking === undefined && this.#parts.clock.now() >= this.#askAgainAt) {
      this.#asking ??= this.#ask(client).finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
    if (client === undefined) await this.#looking;
    return this.#verdict;
  }

  get #isKnown(): boolean {
    if (this.#claimed !== undefined) return true;
    return this.#verdict.settled && this.#generation === this.#parts.generation();
  }

  async #ask(lent: pg.Client | undefined): Promise<void> {
    const { clock } = this.#parts;
    const generation = this.#parts.generation();
    const client = lent ?? this.#parts.newClient();
    const timer = clock.setTimeout(() => {
      this.#askAgainAt = clock.now() + ASK_AGAIN_MS;
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
      this.#verdict = judgePooler(seen);
      this.#generation = generation;
      if (this.#verdict.name === 'none') return;
      this.#looking = this.#look(seen).finally(() => {
        this.#looking = undefined;
      });
    } catch {
      // The server cannot be asked; who needed the verdict goes on with what is presumed.
    } finally {
      timer.cancel();
      if (lent === undefined) await client.end().catch(() => {});
    }
  }

  async #look(seen: PoolerEvidence): Promise<void> {
    const closer = await lookAtPooler(this.#parts);
    this.#verdict = judgePooler({ ...seen, closer });
    const { clock } = this.#parts;
    if (!this.#verdict.settled) this.#askAgainAt = clock.now() + ASK_AGAIN_MS;
  }
}
