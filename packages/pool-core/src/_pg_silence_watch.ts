/**
 * Finds connections that have fallen silent without being closed (a dropped NAT entry, a host that vanished): a statement on
 * one of them would never be answered, and the kernel gives up after a quarter of an hour.
 */
import type pg from 'pg';
import { deadline, serverDeadline } from './_deadline.ts';
import { activeQueryOf, insideOf } from './_pg_client_inside.ts';
import type { PoolerDetector } from './_pg_pooler_detector.ts';
import {
  type BackendActivity,
  deadBackends,
  forgetting,
  isSuspect,
  listen,
  patienceMs,
  type Silence,
} from './_silence_policy.ts';
import type { Clock, Timer } from './clock.ts';
import { ConnectionLostError, ConnectTimeoutError } from './errors.ts';

/** Looks at the connections; the detection is at most this late. */
const LOOK_MS = 250;
/** Between the two questions: an answer may have been on its way when the first was asked. */
const AGAIN_MS = 200;
/**
 * How long the server may take to answer a new connection: the first time, so that an outage is suspected within 3.5 s; and
 * the second time, for the verdict over what is lent.
 */
const ASK_MS = [1_500, 5_000] as const;

export interface SilenceWatchParts {
  readonly clock: Clock;
  /** How long a statement may go without a byte before the server is asked about it. */
  readonly silenceMs: number;
  /** Whether any connection is lent, or being checked. */
  waits(): boolean;
  /** The connections that are lent. */
  lent(): Iterable<pg.Client>;
  /** A client of its own for the same server, not connected: the question must not queue behind what it is about. */
  newClient(other: pg.Client): pg.Client;
  /** Whether both are connected to the same server: it knows nothing of another's. */
  sameServer(client: pg.Client, other: pg.Client): boolean;
  /** Whether the server can be asked by process id. */
  readonly pooler: Pick<PoolerDetector, 'verdict' | 'settle'>;
  /** Connections were lost in silence: the idle ones opened before may be as dead. */
  lost(clients: readonly pg.Client[]): void;
  /** A new connection was answered after this time, ms: the server is there. */
  reached(tookMs: number): void;
  /** A new connection, begun at this time, was not answered, and nothing else was heard of the server since. */
  unreachable(error: Error, startedAt: number): void;
}

/**
 * Looks at `stream.bytesRead` of the lent connections every 250 ms, so that a statement costs nothing. Where one has
 * waited too long, a fresh connection asks the server, by backend pid, what the suspects do: twice not active means dead.
 * Legitimate long statements are active, and left alone. Behind a pooler, where process ids are not the server's, it does
 * nothing.
 *
 * Where two new connections in a row are not answered either, and not a byte came on any lent one meanwhile, the network or
 * the server's host is gone: that counts as an outage, and what waits for an answer is told. An error is an answer here (no
 * room, a name that does not resolve, a port that is closed): it says nothing of connections that are open.
 * Measured against pg.Pool, which never recovers: served again after 1.4 s (prototype with 1 s of silence).
 */
export class SilenceWatch {
  readonly #parts: SilenceWatchParts;
  /** Of those that waited for an answer at the last look. */
  #silences = new Map<pg.Client, Silence>();
  #timer: Timer | undefined;
  #asking = false;
  #asker: pg.Client | undefined;
  /** New connections in a row that were not answered. */
  #unanswered = 0;
  /** A client of the server that they were for. */
  #doubted: pg.Client | undefined;
  /** When the first of them was begun, and when a byte last came on a lent connection to that server. */
  #doubtAt = 0;
  #heardAt = 0;
  /** The longest silence of late that ended with a byte. */
  #longestMs = 0;
  #stopped = false;

  constructor(parts: SilenceWatchParts) {
    this.#parts = parts;
  }

  /** A client was lent, or is being checked: looks until none is. */
  watch(): void {
    if (this.#timer === undefined && !this.#stopped) this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    if (this.#asker !== undefined) insideOf(this.#asker).connection?.stream?.destroy?.();
  }

  /** When this process itself stood still, the answers that came meanwhile are read first. */
  #arm(): void {
    this.#timer = deadline(this.#parts.clock, LOOK_MS, () => {
      this.#timer = undefined;
      if (this.#stopped) return;
      if (!this.#parts.waits()) {
        this.#silences = new Map();
        return;
      }
      // A verdict may change with the address behind a name: the watch goes on, and costs nothing meanwhile.
      if (this.#parts.pooler.verdict.backendPids) this.#look();
      // A connection may have been lent within the look.
      this.watch();
    });
  }

  #look(): void {
    this.#longestMs = forgetting(this.#longestMs);
    const all = this.#suspects();
    const [first] = all;
    if (first === undefined || this.#asking) return;
    this.#asking = true;
    const { clock, sameServer } = this.#parts;
    if (this.#doubted !== undefined && !sameServer(first, this.#doubted)) this.#unanswered = 0;
    this.#doubted = first;
    // Those of other servers have their turn at the next look.
    const suspects = all.filter((client) => sameServer(first, client));
    const startedAt = clock.now();
    this.#ask(suspects)
      .then(
        () => {
          this.#unanswered = 0;
        },
        (error) => this.#failed(error, startedAt, suspects),
      )
      .finally(() => {
        this.#asking = false;
        // Not at the next look: where the network works again for new connections only, callers are told that much sooner.
        if (this.#unanswered > 0 && !this.#stopped) this.#look();
      });
  }

  #failed(error: unknown, startedAt: number, suspects: readonly pg.Client[]): void {
    if (!(error instanceof ConnectTimeoutError) || this.#stopped) {
      this.#unanswered = 0;
      return;
    }
    if (this.#unanswered === 0) this.#doubtAt = startedAt;
    const silent = this.#suspects();
    if (this.#heardAt >= this.#doubtAt) {
      this.#unanswered = 0;
      return;
    }
    this.#unanswered++;
    this.#parts.unreachable(error, startedAt);
    if (this.#unanswered < ASK_MS.length) return;
    this.#unanswered = 0;
    const lost = suspects.filter((client) => silent.includes(client));
    this.#end(lost, `two new connections were not answered either (${error.message})`);
  }

  /** The lent clients that have waited too long for a byte. */
  #suspects(): pg.Client[] {
    const silenceMs = patienceMs(this.#parts.silenceMs, this.#longestMs);
    const now = this.#parts.clock.now();
    const silences = new Map<pg.Client, Silence>();
    const suspects: pg.Client[] = [];
    for (const client of this.#parts.lent()) {
      const inside = insideOf(client);
      const statement = activeQueryOf(inside);
      const bytes = inside.connection?.stream?.bytesRead;
      if (statement === undefined || bytes === undefined || inside.processID == null) continue;
      const before = this.#silences.get(client);
      if (before !== undefined && before.bytes !== bytes) {
        this.#heard(client, now, now - before.since);
      }
      const silence = listen(before, bytes, statement, now);
      silences.set(client, silence);
      if (isSuspect(silence, now, silenceMs)) suspects.push(client);
    }
    this.#silences = silences;
    return suspects;
  }

  #heard(client: pg.Client, now: number, silentMs: number): void {
    if (this.#doubted === undefined || this.#parts.sameServer(client, this.#doubted)) {
      this.#heardAt = now;
    }
    // Within a look or two it may as well have been no silence at all.
    if (silentMs >= 2 * LOOK_MS) this.#longestMs = Math.max(this.#longestMs, silentMs);
  }

  async #ask(suspects: readonly pg.Client[]): Promise<void> {
    const { clock } = this.#parts;
    const asker = this.#parts.newClient(suspects[0] as pg.Client);
    this.#asker = asker;
    // Its time is limited here: pg's own limit, where shorter, would be taken for an answer.
    insideOf(asker)._connectionTimeoutMillis = 0;
    asker.on('error', () => {});
    const begun = clock.now();
    const ms = ASK_MS[this.#unanswered] ?? ASK_MS[0];
    let late: ConnectTimeoutError | undefined;
    let timer = serverDeadline(clock, ms, () => {
      late = new ConnectTimeoutError(ms);
      insideOf(asker).connection?.stream?.destroy?.(late);
    });
    try {
      await asker.connect();
      this.#parts.reached(clock.now() - begun);
      timer.cancel();
      timer = serverDeadline(clock, ms, () => insideOf(asker).connection?.stream?.destroy?.());
      const { settled, backendPids } = await this.#parts.pooler.settle(asker);
      if (!settled || !backendPids) return;
      const pids = suspects.map((client) => insideOf(client).processID as number);
      let dead = await this.#deadOf(asker, pids);
      if (dead.size > 0) {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, AGAIN_MS));
        dead = await this.#deadOf(asker, [...dead]);
      }
      const silent = new Set(this.#suspects());
      const lost = suspects.filter(
        (client) => silent.has(client) && dead.has(insideOf(client).processID as number),
      );
      this.#end(lost, 'the server does not work on the statement');
    } catch (error) {
      throw late ?? error;
    } finally {
      // The timer ends a goodbye that nobody answers as well.
      await asker.end().catch(() => {});
      timer.cancel();
      this.#asker = undefined;
    }
  }

  async #deadOf(asker: pg.Client, pids: readonly number[]): Promise<Set<number>> {
    const { rows } = await asker.query<BackendActivity>(
      'select pid, state from pg_stat_activity where pid = any($1::int[])',
      [pids],
    );
    return deadBackends(pids, rows);
  }

  /** Closes the dead ones; what ran on them is refused. */
  #end(lost: readonly pg.Client[], why: string): void {
    for (const client of lost) {
      const { processID, connection } = insideOf(client);
      const message = `The connection fell silent: no byte for ${this.#parts.silenceMs} ms or longer, and ${why} (backend ${processID})`;
      connection?.stream?.destroy?.(new ConnectionLostError(message, { maybeExecuted: true }));
    }
    if (lost.length > 0) this.#parts.lost(lost);
  }
}
