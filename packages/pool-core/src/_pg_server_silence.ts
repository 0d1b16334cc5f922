/**
 * The watch over the connections to one server: which of them have fallen silent, and whether the server still works for them.
 */
import type pg from 'pg';
import { serverDeadline } from './_deadline.ts';
import { activeQueryOf, insideOf } from './_pg_client_inside.ts';
import type { PoolerDetector } from './_pg_pooler_detector.ts';
import {
  againMs,
  type BackendActivity,
  deadBackends,
  forgetting,
  isSuspect,
  listen,
  patienceMs,
  type Silence,
} from './_silence_policy.ts';
import type { Clock } from './clock.ts';
import { ConnectionLostError, ConnectTimeoutError } from './errors.ts';

/** Looks at the connections; the detection is at most this late. */
export const LOOK_MS = 100;
/** After a question that was refused (no room, say) the next one waits, ms. */
const REFUSED_MS = 250;
/** After a login that was refused: servers count these, and some lock the user out. */
const LOGIN_REFUSED_MS = 1_000;
/**
 * How long the server may take to answer a new connection: the first time, so that an outage is suspected within 3.5 s; and
 * the second time, for the verdict over what is lent, so that callers are served within 5 s of a network's return: a question that
 * was lost before it holds them up for all of this. (A lost SYN is sent again after 1 s and 3 s.)
 */
const ASK_MS = [1_500, 4_500] as const;

export interface ServerSilenceParts {
  readonly clock: Clock;
  /** How long a statement may go without a byte before the server is asked about it. */
  readonly silenceMs: number;
  /** The connections to this server that are lent, or being checked. */
  lent(): readonly pg.Client[];
  /** A client of its own for the same server, not connected: the question must not queue behind what it is about. */
  newClient(other: pg.Client): pg.Client | Promise<pg.Client>;
  /** Whether the server can be asked by process id. */
  readonly pooler: Pick<PoolerDetector, 'settle'>;
  /** Connections were lost in silence: the idle ones opened before may be as dead. */
  lost(clients: readonly pg.Client[]): void;
  /** A new connection was answered after this time, ms: the server is there. */
  reached(tookMs: number): void;
  /** A new connection, begun at this time, was not answered, and nothing else was heard of the server since. */
  unreachable(error: Error, startedAt: number): void;
}

/**
 * Where a connection has waited too long, a fresh one asks the server, by backend pid, what the suspects do: twice not active
 * means dead. Legitimate long statements are active, and left alone.
 *
 * Where two new connections in a row are not answered either, and not a byte came on any lent one meanwhile, the network or
 * the server's host is gone: that counts as an outage, and what waits for an answer is told. An error is an answer here (no
 * room, a name that does not resolve, a port that is closed): it says nothing of connections that are open.
 */
export class ServerSilence {
  readonly #parts: ServerSilenceParts;
  /** Of those that waited for an answer at the last look. */
  #silences = new Map<pg.Client, Silence>();
  #asking = false;
  #asker: pg.Client | undefined;
  /** New connections in a row that were not answered. */
  #unanswered = 0;
  /** When the first of them was begun, and when a byte last came on a lent connection. */
  #doubtAt = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
  /** The longest silence of late that ended with a byte. */
  #longestMs = 0;
  #stopped = false;

  constructor(parts: ServerSilenceParts) {
    this.#parts = parts;
  }

  /** Whether a question is under way. */
  get asking(): boolean {
    return this.#asking;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#asker !== undefined) insideOf(this.#asker).connection?.stream?.destroy?.();
  }

  /** @param lent all that is lent of this server now */
  look(lent: readonly pg.Client[]): void {
    this.#longestMs = forgetting(this.#longestMs);
    const suspects = this.#suspects(lent);
    if (this.#asking) return;
    // Whom the doubt was about is gone; it must not hasten a verdict over others, whenever they come.
    if (this.#silences.size === 0) this.#unanswered = 0;
    if (suspects.length === 0) return;
    this.#asking = true;
    const startedAt = this.#parts.clock.now();
    this.#ask(suspects)
      .then(
        () => {
          this.#unanswered = 0;
          this.#excuse(suspects, this.#parts.silenceMs);
        },
        (error) => this.#failed(error, startedAt, suspects),
      )
      .finally(() => {
        this.#asking = false;
        // Not at the next look: where the network works again for new connections only, callers are told that much sooner.
        if (this.#unanswered > 0 && !this.#stopped) this.look(this.#parts.lent());
      });
  }

  #failed(error: unknown, startedAt: number, suspects: readonly pg.Client[]): void {
    if (!(error instanceof ConnectTimeoutError) || this.#stopped) {
      this.#unanswered = 0;
      const { code } = error as { code?: unknown };
      this.#excuse(suspects, String(code).startsWith('28') ? LOGIN_REFUSED_MS : REFUSED_MS);
      return;
    }
    if (this.#unanswered === 0) this.#doubtAt = startedAt;
    const silent = this.#suspects(this.#parts.lent());
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

  /** The server has just been asked about these: not again for this time, as each question is a login. */
  #excuse(suspects: readonly pg.Client[], ms: number): void {
    const since = this.#parts.clock.now() + ms - this.#parts.silenceMs;
    for (const client of suspects) {
      const silence = this.#silences.get(client);
      if (silence !== undefined) this.#silences.set(client, { ...silence, since });
    }
  }

  /** Those that have waited too long for a byte. */
  #suspects(lent: readonly pg.Client[]): pg.Client[] {
    const silenceMs = patienceMs(this.#parts.silenceMs, this.#longestMs);
    const now = this.#parts.clock.now();
    const silences = new Map<pg.Client, Silence>();
    const suspects: pg.Client[] = [];
    for (const client of lent) {
      const inside = insideOf(client);
      const statement = activeQueryOf(inside);
      const bytes = inside.connection?.stream?.bytesRead;
      if (statement === undefined || bytes === undefined || inside.processID == null) continue;
      const before = this.#silences.get(client);
      if (before !== undefined && before.bytes !== bytes) {
        this.#heard(now, now - before.since);
      }
      const silence = listen(before, bytes, statement, now);
      silences.set(client, silence);
      if (isSuspect(silence, now, silenceMs)) suspects.push(client);
    }
    this.#silences = silences;
    return suspects;
  }

  #heard(now: number, silentMs: number): void {
    this.#heardAt = now;
    // Within a look or two it may as well have been no silence at all.
    if (silentMs >= 2 * LOOK_MS) this.#longestMs = Math.max(this.#longestMs, silentMs);
  }

  async #ask(suspects: readonly pg.Client[]): Promise<void> {
    const { clock } = this.#parts;
    const asker = await this.#parts.newClient(suspects[0] as pg.Client);
    if (this.#stopped) return;
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
      const tookMs = clock.now() - begun;
      this.#parts.reached(tookMs);
      timer.cancel();
      timer = serverDeadline(clock, ms, () => insideOf(asker).connection?.stream?.destroy?.());
      const { settled, backendPids } = await this.#parts.pooler.settle(asker);
      if (!settled || !backendPids) return;
      const pids = suspects.map((client) => insideOf(client).processID as number);
      let dead = await this.#deadOf(asker, pids);
      if (dead.size > 0) {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, againMs(tookMs)));
        dead = await this.#deadOf(asker, [...dead]);
      }
      const silent = new Set(this.#suspects(this.#parts.lent()));
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
