/**
 * `pool.query()` over connections that are shared: `pipelining`.
 */
import { AsyncResource } from 'node:async_hooks';
import type pg from 'pg';
import type { Entry } from './_entry.ts';
import {
  givesLaneBack,
  idleFor,
  type LaneReason,
  lanesNeeded,
  leastLoaded,
  wantsLane,
} from './_lane_policy.ts';
import { LaneQuery, QueryList } from './_lane_query.ts';
import type { LaneSettings } from './_lane_settings.ts';
import type { LaneStatements } from './_lane_statements.ts';
import type { LaneChange, LaneStats } from './_lane_stats.ts';
import { requestCancel } from './_pg_cancel.ts';
import { asCallerSees, type Lender, PgLease } from './_pg_checkout.ts';
import { Lane, type LaneHost, LOOK_MS } from './_pg_lane.ts';
import type { Permission } from './_pg_lane_permission.ts';
import { oneShotConfig } from './_pg_one_shot.ts';
import { costsConnection, type QueryCallback, type QueryRules } from './_pg_query.ts';
import { pingAhead } from './_pg_round_trip.ts';
import { isNameError, type StatementNames } from './_pg_statement_names.ts';
import type { Timer } from './clock.ts';
import { AcquireAbortedError, ConnectionLostError, PoolClosedError } from './errors.ts';
import { QueryAbortedError } from './pg_errors.ts';
import type { ResourcePool } from './resource_pool.ts';
import { Waiter } from './waiter.ts';

/** What the lanes need of their pool. */
export interface LanesParts {
  readonly lender: Lender;
  readonly tuning: LaneSettings;
  readonly statements: LaneStatements;
  /** Undefined where the pool gives no names. */
  readonly names: StatementNames | undefined;
  readonly permission: Permission;
  readonly rules: QueryRules;
  /** The `stream` option, for cancel requests. */
  readonly stream: unknown;
  readonly maxUses: number;
  readonly maxWaiting: number;
  /** Infinity for none. */
  readonly acquireTimeoutMs: number;
  /** Runs a query on a connection of its own. */
  exclusively(text: unknown, values: unknown, reply: QueryCallback): void;
  /** The refusals of the pool's own queue. */
  timeoutError(waitedMs: number): Error;
  queueFullError(): Error;
}

/** What lanes are called in `connections()` and in events. */
const LABEL = 'pipelined lane';

const CANCEL_MS = 5_000;
const CHANGES_KEPT = 20;
const SLOW_TOLD = 10;
const MAX_RETRIES = 3;
/** A lane past its lifetime serves at least this long, as the pool may keep its connection a little longer. */
const LEAST_SERVICE_MS = 1_000;

/** Without a query on lanes for so long, there are none that a slow one could hold up, ms. */
const QUIET_MS = 50;

const QUERY_CANCELED = '57014';
/** The server ends the session: by an operator, in a crash, as it shuts down, as it was idle. */
const SESSION_ENDS = /^57P0[1-5]$/;
/** pg's own words for a query it has not sent. */
const NOT_SENT = /is not queryable$/;

/** pg-pool's words. */
const READ_TIMEOUT = 'Query read timeout';

/** One acquire on behalf of all queries that wait. */
class LaneWaiter extends Waiter<pg.Client> {
  readonly #lanes: Lanes;
  readonly #lender: Lender;
  readonly reason: LaneReason;

  constructor(lanes: Lanes, lender: Lender, reason: LaneReason) {
    super();
    this.#lanes = lanes;
    this.#lender = lender;
    this.reason = reason;
    this.label = LABEL;
  }

  override granted(entry: Entry<pg.Client>): PgLease {
    const lease = new PgLease(this.#lender, entry);
    this.#lanes.granted(entry, lease, this.reason);
    this.#lender.answered();
    return lease;
  }

  override refused(error: Error): void {
    this.#lanes.refused(error);
    this.#lender.answered();
  }
}

/**
 * Leases connections of the pool like any other user, and places queries on them. A query that cannot be placed stands in
 * the lanes' own queue, from where it goes to whichever lane has room first; it can be taken back until it is sent.
 */
export class Lanes implements LaneHost {
  readonly resources: ResourcePool<pg.Client>;
  readonly names: StatementNames | undefined;
  readonly tuning: LaneSettings;
  readonly statements: LaneStatements;
  readonly #parts: LanesParts;
  readonly #lanes: Lane[] = [];
  readonly #queue = new QueryList();
  readonly #roundTrips = new WeakMap<pg.Client, number>();
  #lastRoundTrip = 0;
  #ticket: LaneWaiter | undefined;
  /** Whether it is being found out what stands between the pool and its server, on a connection leased for a lane. */
  #asking = false;
  #timer: Timer | undefined;
  #inFlight = 0;
  /** When a query was last sent (monotonic ms). */
  #placedAt: number = Number.NEGATIVE_INFINITY;
  /** The most in flight since the last look. */
  #peak = 0;
  /** The same in work, ms. */
  #workMs = 0;
  #peakMs = 0;
  #lowSince: number | undefined;
  /** Whether any query has a time limit of its own: only then are they looked through. */
  #timesQueries = false;
  #pumping = false;
  #closing = false;
  /** Set while what was queued is handed to connections of its own. */
  #bypassed = false;
  /** Why nothing may be shared. */
  #refused: { readonly why: string; readonly generation: number } | undefined;
  #shared = 0;
  #exclusive = 0;
  #retried = 0;
  #cancelled = 0;
  readonly #changes: LaneChange[] = [];

  constructor(parts: LanesParts) {
    this.#parts = parts;
    this.resources = parts.lender.resources;
    this.names = parts.names;
    this.tuning = parts.tuning;
    this.statements = parts.statements;
  }

  /** Queries that wait to be sent. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Acquires that wait in the pool's queue on behalf of those. */
  get tickets(): number {
    return this.#ticket?.queued === true ? 1 : 0;
  }

  /** What a query costs on the way to the server and back alone, ms, as far as that is known. */
  roundTripOf(client: pg.Client): number {
    return this.#roundTrips.get(client) ?? this.#lastRoundTrip;
  }

  stats(): LaneStats {
    return {
      lanes: this.#lanes.length,
      inFlight: this.#inFlight,
      queued: this.#queue.length,
      shared: this.#shared,
      exclusive: this.#exclusive,
      retried: this.#retried,
      cancelled: this.#cancelled,
      slowStatements: this.statements
        .slow()
        .slice(0, SLOW_TOLD)
        .map(({ text, meanMs }) => ({ text, meanMs })),
      ...(this.#refused === undefined ? {} : { refused: this.#refused.why }),
      changes: [...this.#changes],
    };
  }

  /** Takes a query, unless it needs a connection of its own. */
  take(given: unknown, values: unknown, reply: QueryCallback): boolean {
    if (this.#refused !== undefined && this.#isRefused) return this.#leave();
    if (this.resources.ending || this.#closing || this.#bypassed) return false;
    const config = typeof given === 'string' ? undefined : oneShotConfig(given);
    const sql = config === undefined ? given : config.text;
    if (typeof sql !== 'string') return this.#leave();
    const { learned, preparable } = this.statements.of(sql);
    if (learned === undefined) return this.#leave();
    if (learned.slow && !(learned.isDue && this.#canTry)) return this.#leave();
    const signal = config?.signal;
    if (signal?.aborted) return false;
    const mayBeNamed = preparable && this.names !== undefined && config?.name === undefined;
    const query = new LaneQuery(given as string | object, values, sql, learned, reply, mayBeNamed);
    if (config?.query_timeout) {
      query.timeoutMs = Number(config.query_timeout);
      this.#timesQueries = true;
    }
    if (signal !== undefined) this.#watch(query, signal);
    this.#shared++;
    this.#submit(query);
    return true;
  }

  /** Until connections may lead elsewhere. */
  get #isRefused(): boolean {
    if (this.#refused?.generation === this.resources.generation) return true;
    this.#refused = undefined;
    return false;
  }

  /** Whether a slow statement on a lane would be in nobody's way. */
  get #canTry(): boolean {
    if (this.#queue.length > 0) return false;
    if (this.#inFlight === 0 && this.resources.clock.now() - this.#placedAt > QUIET_MS) return true;
    return this.#lanes.filter(({ open }) => open).length > 1;
  }

  #leave(): false {
    this.#exclusive++;
    return false;
  }

  /** The pool ends: what has been taken is still done, then the connections go back. */
  end(): void {
    this.#closing = true;
    for (const lane of [...this.#lanes]) this.#settleLane(lane);
  }

  /** Somebody waits for a connection: lanes that do nothing are his, but not the last one in the middle of its work. */
  makeRoom(): void {
    if (this.#queue.length > 0) return;
    this.#endIdle(this.resources.clock.now(), 'contention');
  }

  #endIdle(now: number, reason: LaneReason): void {
    const { size, closing } = this.resources;
    const others = this.#others;
    for (const lane of [...this.#lanes]) {
      if (lane.inFlight > 0) continue;
      const lanes = this.#lanes.length;
      const otherConnections = size - closing - lanes;
      if (now - lane.idleSince < idleFor({ lanes, others, otherConnections }, this.tuning))
        continue;
      lane.retire(reason);
      this.#settleLane(lane);
    }
  }

  // Placing.

  #submit(query: LaneQuery): void {
    const { clock, suspended } = this.resources;
    const now = clock.now();
    const lane =
      this.#queue.length > 0 || suspended
        ? undefined
        : leastLoaded(this.#lanes, this.tuning.window);
    if (lane !== undefined) {
      this.#place(lane, query, now);
      // In front of this one; with as many lanes as there may be, the regular look asks as well.
      const { depth, maxLanes } = this.tuning;
      const isDeep = lane.inFlight > depth && this.#lanes.length < maxLanes;
      if (isDeep || lane.workMs > query.workMs) {
        this.#maybeOpen(lane.inFlight - 1, lane.workMs - query.workMs);
      }
      return;
    }
    if (this.#isFull) {
      process.nextTick(() => query.settle(this.#parts.queueFullError()));
      return;
    }
    query.queuedAt = now;
    query.scope = new AsyncResource('PG_POOL_QUERY');
    this.#queue.push(query);
    this.#maybeOpen(undefined);
    this.#look(now);
  }

  get #isFull(): boolean {
    const { maxWaiting } = this.#parts;
    if (maxWaiting === Number.POSITIVE_INFINITY || this.#couldOpen) return false;
    return this.#queue.length + this.#others >= maxWaiting;
  }

  get #couldOpen(): boolean {
    const { idle, room } = this.resources;
    const opening = this.#ticket !== undefined || this.#asking;
    return this.#lanes.length === 0 && !opening && idle + room > 0;
  }

  #place(lane: Lane, query: LaneQuery, now: number): void {
    if (++this.#inFlight > this.#peak) this.#peak = this.#inFlight;
    this.#placedAt = now;
    lane.place(query, now);
    this.#workMs += query.workMs;
    if (this.#workMs > this.#peakMs) this.#peakMs = this.#workMs;
    if (query.expiresAt !== Number.POSITIVE_INFINITY) this.#timesQueries = true;
    if (this.#timer === undefined) this.#look(now);
  }

  /** Sends what waits, as far as the lanes take it. */
  #pump(): void {
    if (this.#pumping || this.#queue.length === 0 || this.resources.suspended) return;
    this.#pumping = true;
    const now = this.resources.clock.now();
    for (let query = this.#queue.head; query !== undefined; query = this.#queue.head) {
      const lane = leastLoaded(this.#lanes, this.tuning.window);
      if (lane === undefined) break;
      this.#queue.remove(query);
      this.#place(lane, query, now);
    }
    this.#pumping = false;
    if (this.#queue.length > 0) this.#maybeOpen(undefined);
  }

  // Lanes come.

  /** Acquires of others that wait. */
  get #others(): number {
    return this.resources.waiting - this.tickets;
  }

  #maybeOpen(fewest: number | undefined, aheadMs = 0): void {
    let lanes = 0;
    let open = 0;
    for (const lane of this.#lanes) {
      if (lane.retiring === undefined) lanes++;
      if (lane.open) open++;
    }
    const reason = wantsLane(
      {
        lanes,
        open,
        opening: this.#ticket !== undefined || this.#asking,
        fewest,
        aheadMs,
        limit: this.resources.limit,
        others: this.#others,
      },
      this.tuning,
    );
    if (reason === undefined) return;
    const { resources } = this;
    if (resources.ending) {
      if (this.#lanes.length === 0) this.#refuseAll(new PoolClosedError(resources.name));
      return;
    }
    const entry = resources.tryAcquire(LABEL);
    if (entry !== undefined) {
      const lease = new PgLease(this.#parts.lender, entry);
      resources.announce(entry, 0, lease);
      this.granted(entry, lease, reason);
      return;
    }
    const ticket = new LaneWaiter(this, this.#parts.lender, reason);
    this.#ticket = ticket;
    // The queries' own deadlines are kept here.
    resources.acquire(ticket, Number.POSITIVE_INFINITY);
  }

  /** A connection was leased for a lane. */
  granted(entry: Entry<pg.Client>, lease: PgLease, reason: LaneReason): void {
    this.#ticket = undefined;
    const { permission } = this.#parts;
    if (permission.whyNotPipelined !== undefined) {
      this.#open(entry, lease, reason);
      return;
    }
    this.#asking = true;
    void permission.settle(entry.connection as pg.Client).then(() => {
      this.#asking = false;
      this.#open(entry, lease, reason);
    });
  }

  #open(entry: Entry<pg.Client>, lease: PgLease, reason: LaneReason): void {
    const why = this.#parts.permission.whyNotPipelined;
    if (why !== '') {
      // Where it could not be found out, the next query has it asked again.
      if (why !== undefined) this.#refused = { why, generation: this.resources.generation };
      if (!lease.released) void lease.release();
      this.#runExclusively();
      return;
    }
    if (lease.released) {
      if (this.#queue.length > 0) this.#maybeOpen(undefined);
      return;
    }
    const client = entry.connection as pg.Client;
    const known = this.#roundTrips.get(client);
    const lane = new Lane(this, entry, lease, known ?? Number.POSITIVE_INFINITY);
    this.#record(1, reason);
    this.#lanes.push(lane);
    if (known === undefined) this.#measure(lane);
    this.#look(this.resources.clock.now());
    this.#pump();
    if (this.#closing) this.#settleLane(lane);
  }

  #measure(lane: Lane): void {
    const { clock } = this.resources;
    const begun = clock.now();
    pingAhead(lane.client, () => {
      const tookMs = clock.now() - begun;
      lane.pinged(tookMs);
      this.#roundTrips.set(lane.client, tookMs);
      this.#lastRoundTrip = tookMs;
    });
  }

  /** No connection could be had. */
  refused(error: Error): void {
    this.#ticket = undefined;
    // Those there are will serve what waits.
    if (this.#lanes.length === 0) this.#refuseAll(error);
  }

  /** In the next tick: a callback is never called within the call. */
  #refuseAll(error: Error): void {
    for (let query = this.#queue.head; query !== undefined; query = this.#queue.head) {
      this.#queue.remove(query);
      process.nextTick(settleRefused, query, error);
    }
  }

  #runExclusively(): void {
    this.#bypassed = true;
    for (let query = this.#queue.head; query !== undefined; query = this.#queue.head) {
      this.#queue.remove(query);
      this.#shared--;
      this.#exclusive++;
      const { text, values } = query;
      query.unwatch?.();
      const reply: QueryCallback = (error, result) => query.settle(error, result);
      query.scope?.runInAsyncScope(this.#parts.exclusively, undefined, text, values, reply);
    }
    this.#bypassed = false;
  }

  // Answers.

  answered(lane: Lane, query: LaneQuery, error: Error | undefined, result: unknown): void {
    this.#inFlight--;
    this.#workMs = this.#inFlight === 0 ? 0 : this.#workMs - query.workMs;
    if (error === undefined) {
      this.#afterAnswer(lane);
      query.settle(undefined, result);
      return;
    }
    const told = this.#judge(lane, query, error);
    this.#afterAnswer(lane);
    if (told !== undefined) query.settle(told);
  }

  /** What the caller is told of an error; undefined: nothing, as the query is sent again. */
  #judge(lane: Lane, query: LaneQuery, error: Error): Error | undefined {
    const { code, severity } = error as { code?: unknown; severity?: unknown };
    const ends = typeof code === 'string' && SESSION_ENDS.test(code);
    if (ends || severity === 'FATAL' || severity === 'PANIC') {
      lane.fatal = true;
      lane.retire('lost', error);
    }
    if (lane.isLost || NOT_SENT.test(error.message)) {
      lane.retire('lost', error);
      // The server works on one query after the other: behind the one that ended the session, none was begun.
      const notBegun = lane.fatal || NOT_SENT.test(error.message);
      if (notBegun && this.#again(query)) return undefined;
      return lostError(error, !notBegun);
    }
    if (code === QUERY_CANCELED && lane.cancelling) {
      if (query.aborted !== undefined) {
        return new QueryAbortedError({ maybeExecuted: false, cause: query.aborted.reason });
      }
      // Meant for the one before it, which was faster. The server has rolled it back.
      if (this.#again(query)) return undefined;
    }
    const { autoName } = query;
    if (autoName !== undefined && isNameError(error)) {
      this.names?.renew(query.sql, autoName);
      // Once under another name; what fails under that as well is sent without one, and its error is its own.
      query.mayBeNamed = query.retries === 0;
      if (this.#again(query)) return undefined;
    }
    if (costsConnection(lane.client, error, this.#parts.rules)) lane.retire('session-error', error);
    return error;
  }

  /** Puts a query that has not been executed in front of the queue. */
  #again(query: LaneQuery): boolean {
    if (query.settled) return true;
    if (query.retries >= MAX_RETRIES) return false;
    query.retries++;
    this.#retried++;
    query.expiresAt = Number.POSITIVE_INFINITY;
    query.queuedAt = this.resources.clock.now();
    query.scope ??= new AsyncResource('PG_POOL_QUERY');
    this.#queue.unshift(query);
    return true;
  }

  #afterAnswer(lane: Lane): void {
    if (lane.retiring !== undefined || this.#closing) this.#settleLane(lane);
    if (this.#queue.length > 0) this.#pump();
  }

  lost(lane: Lane): void {
    this.#settleLane(lane);
    if (this.#queue.length > 0) this.#pump();
  }

  // Lanes go.

  /** Gives a lane back that has nothing to do and no future. */
  #settleLane(lane: Lane): void {
    if (lane.inFlight > 0 || lane.cancelPending) return;
    if (lane.retiring === undefined) {
      if (!this.#closing || this.#queue.length > 0) return;
      lane.retire('closing');
    }
    const at = this.#lanes.indexOf(lane);
    if (at < 0) return;
    this.#lanes.splice(at, 1);
    this.#record(-1, lane.retiring ?? 'closing');
    if (lane.roundTripMs < Number.POSITIVE_INFINITY) {
      this.#roundTrips.set(lane.client, lane.roundTripMs);
      this.#lastRoundTrip = lane.roundTripMs;
    }
    lane.close(this.#parts.lender);
    if (this.#lanes.length > 0 || this.#queue.length === 0) return;
    this.#maybeOpen(undefined);
  }

  #record(by: 1 | -1, reason: LaneReason): void {
    const from = by === 1 ? this.#lanes.length : this.#lanes.length + 1;
    this.#changes.push({ at: this.resources.clock.wallNow(), from, to: from + by, reason });
    if (this.#changes.length > CHANGES_KEPT) this.#changes.shift();
  }

  // The regular look.

  #look(now: number): void {
    if (this.#timer !== undefined) return;
    this.#lowSince = now;
    this.#arm();
  }

  #arm(): void {
    this.#timer = this.resources.clock.setTimeout(() => this.#onTimer(), LOOK_MS);
  }

  #onTimer(): void {
    const now = this.resources.clock.now();
    for (const lane of [...this.#lanes]) {
      const head = lane.look(now);
      // Nobody waits for it any more, but those behind it.
      if (head?.settled === true && !lane.cancelling) this.#cancel(lane, head);
      this.#retireOld(lane, now);
    }
    if (this.#timesQueries) this.#endTimes(now);
    this.#endWaits(now);
    this.#balance(now);
    if (this.#peak > this.tuning.depth * this.#lanes.length) this.#maybeOpen(this.tuning.depth);
    this.#peak = this.#inFlight;
    this.#peakMs = this.#workMs;
    this.#pump();
    if (this.#lanes.length > 0 || this.#queue.length > 0) this.#arm();
    else this.#timer = undefined;
  }

  #retireOld(lane: Lane, now: number): void {
    if (lane.retiring === undefined) {
      const { outlived } = lane;
      if (outlived !== undefined) lane.retire(outlived);
      else if (lane.uses >= this.#parts.maxUses) lane.retire('max-uses');
      else if (lane.isPastLifetime(now) && now - lane.openedAt >= LEAST_SERVICE_MS) {
        lane.retire('lifetime');
      }
    }
    if (lane.retiring !== undefined) this.#settleLane(lane);
  }

  /** As many lanes as the load is worth, and as others leave. */
  #balance(now: number): void {
    const { tuning, resources } = this;
    const lanes = this.#lanes.filter(({ retiring }) => retiring === undefined);
    if (lanes.length === 0) return;
    if (this.#inFlight === 0 && this.#queue.length === 0) {
      this.#endIdle(now, 'idle');
      return;
    }
    if (lanesNeeded(this.#peak, this.#peakMs, tuning) >= lanes.length) this.#lowSince = now;
    const { size, closing, limit, room } = resources;
    const reason = givesLaneBack(
      {
        lanes: lanes.length,
        open: lanes.filter(({ open }) => open).length,
        peak: this.#peak,
        peakMs: this.#peakMs,
        lowForMs: now - (this.#lowSince ?? now),
        // Where there is room, they get connections that are opened for them.
        others: room > 0 ? 0 : this.#others,
        otherConnections: size - closing - this.#lanes.length,
        excess: size - closing - limit,
      },
      tuning,
    );
    if (reason === undefined) return;
    this.#lowSince = now;
    const lane = leastLoaded(lanes, Number.POSITIVE_INFINITY) ?? lanes[0];
    lane?.retire(reason);
    if (lane !== undefined) this.#settleLane(lane);
  }

  /** Callers whose wait is over. They were queued in the order of their deadlines. */
  #endWaits(now: number): void {
    const { acquireTimeoutMs } = this.#parts;
    for (let query = this.#queue.head; query !== undefined; query = this.#queue.head) {
      const waitedMs = now - query.queuedAt;
      if (waitedMs < acquireTimeoutMs) return;
      this.#queue.remove(query);
      this.resources.meter.acquireTimeouts++;
      query.settle(asCallerSees(this.#parts.timeoutError(waitedMs)));
    }
  }

  // Time limits and signals.

  #endTimes(now: number): void {
    for (const lane of this.#lanes) {
      for (const query of lane.flight) {
        if (now < query.expiresAt || query.settled) continue;
        query.settle(new Error(READ_TIMEOUT));
        if (query === lane.flight.head) this.#cancel(lane, query);
      }
    }
  }

  #watch(query: LaneQuery, signal: AbortSignal): void {
    const abort = (): void => this.#abort(query, signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    query.unwatch = () => signal.removeEventListener('abort', abort);
  }

  #abort(query: LaneQuery, reason: unknown): void {
    const { lane } = query;
    query.aborted = { reason };
    if (lane === undefined) {
      const waitedMs = this.resources.clock.now() - query.queuedAt;
      this.#queue.remove(query);
      this.resources.meter.acquireAborts++;
      query.settle(new AcquireAbortedError(waitedMs, reason));
    } else if (query === lane.flight.head && !lane.cancelling) this.#cancel(lane, query);
    // It is on its way and cannot be taken back. What comes is dropped.
    else query.settle(unconfirmed(query));
  }

  /**
   * Stops the head of a lane on the server. PostgreSQL cancels what runs when the request arrives, which may be the next one
   * by then: nothing more is sent until the lane is empty, and a neighbour that was hit is sent again, unseen by its caller
   * (it was rolled back).
   */
  #cancel(lane: Lane, query: LaneQuery): void {
    lane.cancelling = true;
    lane.cancelPending = true;
    this.#cancelled++;
    void requestCancel(lane.client, this.#parts.stream, CANCEL_MS).then((asked) => {
      lane.cancelPending = false;
      if (!asked || lane.inFlight === 0) lane.cancelling = false;
      if (!asked) query.settle(unconfirmed(query));
      else if (!query.settled) {
        setTimeout(() => query.settle(unconfirmed(query)), CANCEL_MS).unref();
      }
      this.#afterAnswer(lane);
    });
  }
}

function settleRefused(query: LaneQuery, error: Error): void {
  query.settle(asCallerSees(error));
}

function unconfirmed(query: LaneQuery): QueryAbortedError {
  return new QueryAbortedError({ maybeExecuted: true, cause: query.aborted?.reason });
}

/** An error of its own for each query: each caller's stack is put on it. */
function lostError(cause: Error, maybeExecuted: boolean): ConnectionLostError {
  const what = maybeExecuted
    ? 'The connection was lost while the query was under way on it; it may have been executed'
    : 'The connection was lost before the query was begun';
  return new ConnectionLostError(`${what}: ${cause.message}`, { maybeExecuted, cause });
}
