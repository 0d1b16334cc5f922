/**
 * Finds connections that have fallen silent without being closed (a dropped NAT entry, a host that vanished): a statement on
 * one of them would never be answered, and the kernel gives up after a quarter of an hour.
 */
import type pg from 'pg';
import { activeQueryOf, insideOf } from './_pg_client_inside.ts';
import type { PoolerDetector } from './_pg_pooler_detector.ts';
import {
  type BackendActivity,
  deadBackends,
  isSuspect,
  listen,
  type Silence,
} from './_silence_policy.ts';
import type { Clock, Timer } from './clock.ts';
import { ConnectionLostError } from './errors.ts';

/** Looks at the connections; the detection is at most this late. */
const LOOK_MS = 250;
/** Between the two questions: an answer may have been on its way when the first was asked. */
const AGAIN_MS = 200;
/** A server that does not answer a new connection in this time is down, which others find out. */
const ASK_MS = 2_000;

export interface SilenceWatchParts {
  readonly clock: Clock;
  /** How long a statement may go without a byte before the server is asked about it. */
  readonly silenceMs: number;
  /** The connections that are lent. */
  lent(): Iterable<pg.Client>;
  /** A client of its own, not connected: the question must not queue behind what it is about. */
  newClient(): pg.Client;
  /** Whether the server can be asked by process id. */
  readonly pooler: Pick<PoolerDetector, 'verdict' | 'settle'>;
  /** Connections were lost in silence: the idle ones opened before may be as dead. */
  lost(count: number): void;
}

/**
 * Looks at `stream.bytesRead` of the lent connections every 250 ms, so that a statement costs nothing. Where one has
 * waited too long, a fresh connection asks the server, by backend pid, what the suspects do: twice not active means dead.
 * Legitimate long statements are active, and left alone. Behind a pooler, where process ids are not the server's, it does
 * nothing.
 * Measured against pg.Pool, which never recovers: served again after 1.4 s (prototype with 1 s of silence).
 */
export class SilenceWatch {
  readonly #parts: SilenceWatchParts;
  readonly #silences = new WeakMap<pg.Client, Silence>();
  #timer: Timer | undefined;
  #asking = false;
  #stopped = false;

  constructor(parts: SilenceWatchParts) {
    this.#parts = parts;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#parts.clock.setTimeout(() => {
      if (this.#stopped) return;
      // A verdict may change with the address behind a name: the watch goes on, and costs nothing meanwhile.
      if (this.#parts.pooler.verdict.backendPids) this.#look();
      this.#arm();
    }, LOOK_MS);
  }

  #look(): void {
    const suspects = this.#suspects(this.#parts.silenceMs);
    if (suspects.length === 0 || this.#asking) return;
    this.#asking = true;
    this.#ask(suspects)
      .catch(() => {
        // The server cannot be asked: no verdict. The next look asks again.
      })
      .finally(() => {
        this.#asking = false;
      });
  }

  /** The lent clients that have waited `silenceMs` for a byte. */
  #suspects(silenceMs: number): pg.Client[] {
    const now = this.#parts.clock.now();
    const suspects: pg.Client[] = [];
    for (const client of this.#parts.lent()) {
      const inside = insideOf(client);
      const statement = activeQueryOf(inside);
      const bytes = inside.connection?.stream?.bytesRead;
      if (statement === undefined || bytes === undefined || inside.processID == null) continue;
      const silence = listen(this.#silences.get(client), bytes, statement, now);
      this.#silences.set(client, silence);
      if (isSuspect(silence, now, silenceMs)) suspects.push(client);
    }
    return suspects;
  }

  async #ask(suspects: readonly pg.Client[]): Promise<void> {
    const asker = this.#parts.newClient();
    asker.on('error', () => {});
    const timer = this.#parts.clock.setTimeout(() => {
      insideOf(asker).connection?.stream?.destroy?.();
    }, ASK_MS + AGAIN_MS);
    try {
      await asker.connect();
      const { settled, backendPids } = await this.#parts.pooler.settle(asker);
      if (!settled || !backendPids) return;
      const pids = suspects.map((client) => insideOf(client).processID as number);
      let dead = await this.#deadOf(asker, pids);
      if (dead.size > 0) {
        await new Promise<void>((resolve) => this.#parts.clock.setTimeout(resolve, AGAIN_MS));
        dead = await this.#deadOf(asker, [...dead]);
      }
      this.#end(suspects, dead);
    } finally {
      timer.cancel();
      await asker.end().catch(() => {});
    }
  }

  async #deadOf(asker: pg.Client, pids: readonly number[]): Promise<Set<number>> {
    const { rows } = await asker.query<BackendActivity>(
      'select pid, state from pg_stat_activity where pid = any($1::int[])',
      [pids],
    );
    return deadBackends(pids, rows);
  }

  /** Closes the dead ones, unless a byte came after all; what ran on them is refused. */
  #end(suspects: readonly pg.Client[], dead: ReadonlySet<number>): void {
    const silent = new Set(this.#suspects(this.#parts.silenceMs));
    let count = 0;
    for (const client of suspects) {
      const { processID, connection } = insideOf(client);
      if (!silent.has(client) || !dead.has(processID as number)) continue;
      count++;
      const message = `The connection fell silent: no byte for ${this.#parts.silenceMs} ms, and the server does not work on the statement (backend ${processID})`;
      connection?.stream?.destroy?.(new ConnectionLostError(message, { maybeExecuted: true }));
    }
    if (count > 0) this.#parts.lost(count);
  }
}
