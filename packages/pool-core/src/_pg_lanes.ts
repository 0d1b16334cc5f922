/**
 * `pool.query()` over connections that are shared: `pipelining`.
 */
import type pg from 'pg';
import { deadline } from './_deadline.ts';
import { LaneLoad } from './_lane_load.ts';
import { leastLoaded } from './_lane_policy.ts';
import { LaneQuery } from './_lane_query.ts';
import type { LaneSettings } from './_lane_settings.ts';
import type { LaneStatements } from './_lane_statements.ts';
import type { LaneStats } from './_lane_stats.ts';
import type { PgLease } from './_pg_checkout.ts';
import { type Lane, LOOK_MS } from './_pg_lane.ts';
import { LaneCancels } from './_pg_lane_cancels.ts';
import { judge } from './_pg_lane_error.ts';
import { LaneQueue, type LaneQueueParts } from './_pg_lane_queue.ts';
import { LaneSupply, type LaneUser, type SupplyParts } from './_pg_lane_supply.ts';
import { oneShotConfig } from './_pg_one_shot.ts';
import type { QueryCallback, QueryRules } from './_pg_query.ts';
import type { StatementNames } from './_pg_statement_names.ts';
import type { Timer } from './clock.ts';
import type { ResourcePool } from './resource_pool.ts';

/** What the lanes need of their pool. */
export interface LanesParts extends LaneQueueParts, SupplyParts {
  readonly tuning: LaneSettings;
  readonly statements: LaneStatements;
  /** Undefined where the pool gives no names. */
  readonly names: StatementNames | undefined;
  readonly rules: QueryRules;
  /** The `stream` option, for cancel requests. */
  readonly stream: unknown;
  readonly maxWaiting: number;
  /** Runs a query on a connection of its own. */
  exclusively(text: unknown, values: unknown, reply: QueryCallback): void;
  /** The refusal of the pool's own queue. */
  queueFullError(): Error;
}

const SLOW_TOLD = 10;

/** Without a query on lanes for so long, there are none that a slow one could hold up, ms. */
const QUIET_MS = 50;

/**
 * Places queries on connections of the pool. A query that cannot be placed stands in the lanes' own queue, from where it goes to
 * whichever lane has room first; it can be taken back until it is sent.
 */
export class Lanes implements LaneUser {
  readonly resources: ResourcePool<pg.Client>;
  readonly names: StatementNames | undefined;
  readonly tuning: LaneSettings;
  readonly statements: LaneStatements;
  readonly load: LaneLoad = new LaneLoad();
  readonly #parts: LanesParts;
  readonly #supply: LaneSupply;
  readonly #cancels: LaneCancels;
  readonly #queue: LaneQueue;
  #timer: Timer | undefined;
  /** Whether any query has a time limit of its own: only then are they looked through. */
  #timesQueries = false;
  #pumping = false;
  /** Set while what was queued is handed to connections of its own. */
  #bypassed = false;
  /** Why nothing may be shared. */
  #refused: { readonly why: string; readonly generation: number } | undefined;
  #shared = 0;
  #exclusive = 0;

  constructor(parts: LanesParts) {
    this.#parts = parts;
    this.resources = parts.lender.resources;
    this.names = parts.names;
    this.tuning = parts.tuning;
    this.statements = parts.statements;
    this.#queue = new LaneQueue(parts);
    this.#supply = new LaneSupply(this, parts);
    const over = (lane: Lane): void => this.#afterAnswer(lane);
    this.#cancels = new LaneCancels(this.resources.clock, parts.stream, this.#queue, over);
  }

  /** Queries that wait to be sent. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Acquires that wait in the pool's queue on behalf of those. */
  get tickets(): number {
    return this.#supply.tickets;
  }

  /** What a query costs on the way to the server and back alone, ms, as far as that is known. */
  roundTripOf(client: pg.Client): number {
    return this.#supply.roundTripOf(client);
  }

  stats(): LaneStats {
    return {
      lanes: this.#supply.lanes.length,
      inFlight: this.load.inFlight,
      queued: this.#queue.length,
      shared: this.#shared,
      exclusive: this.#exclusive,
      retried: this.#queue.retried,
      cancelled: this.#cancels.count,
      slowStatements: this.statements
        .slow()
        .slice(0, SLOW_TOLD)
        .map(({ text, meanMs }) => ({ text, meanMs })),
      ...(this.#refused === undefined ? {} : { refused: this.#refused.why }),
      changes: [...this.#supply.changes],
    };
  }

  /** Takes a query, unless it needs a connection of its own. */
  take(given: unknown, values: unknown, reply: QueryCallback): boolean {
    if (this.#refused !== undefined && this.#isRefused) return this.#leave();
    if (this.resources.ending || this.#supply.closing || this.#bypassed) return false;
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
    if (config?.query_timeout) query.timeoutMs = Number(config.query_timeout);
    if (signal !== undefined) this.#cancels.watch(query, signal);
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
    const { inFlight, placedAt } = this.load;
    if (inFlight === 0 && this.resources.clock.now() - placedAt > QUIET_MS) return true;
    return this.#supply.lanes.filter(({ open }) => open).length > 1;
  }

  #leave(): false {
    this.#exclusive++;
    return false;
  }

  /** The pool ends: what has been taken is still done, then the connections go back. */
  end(): void {
    this.#supply.end();
  }

  /** Somebody waits for a connection: lanes that do nothing are his, but not the last one in the middle of its work. */
  makeRoom(): void {
    if (this.#queue.length > 0) return;
    this.#supply.endIdle(this.resources.clock.now(), 'contention');
  }

  // Placing.

  #submit(query: LaneQuery): void {
    const { clock, suspended } = this.resources;
    const now = clock.now();
    const lane =
      this.#queue.length > 0 || suspended
        ? undefined
        : leastLoaded(this.#supply.lanes, this.tuning.window);
    if (lane !== undefined) {
      this.#place(lane, query, now);
      // In front of this one; with as many lanes as there may be, the regular look asks as well.
      const { depth, maxLanes } = this.tuning;
      const isDeep = lane.inFlight > depth && this.#supply.lanes.length < maxLanes;
      if (isDeep || lane.workMs > query.workMs) {
        this.#supply.openIfWanted(lane.inFlight - 1, lane.workMs - query.workMs);
      }
      return;
    }
    if (this.#isFull) {
      this.#queue.refuseNextTick(query, this.#parts.queueFullError());
      return;
    }
    this.#queue.join(query, now);
    this.#supply.openIfWanted(undefined);
    this.#look(now);
  }

  get #isFull(): boolean {
    const { maxWaiting } = this.#parts;
    if (maxWaiting === Number.POSITIVE_INFINITY || this.#supply.couldOpen) return false;
    return this.#queue.length + this.#supply.others >= maxWaiting;
  }

  #place(lane: Lane, query: LaneQuery, now: number): void {
    this.load.begins(now);
    lane.place(query, now);
    this.load.begun(query);
    if (query.expiresAt !== Number.POSITIVE_INFINITY) this.#timesQueries = true;
    if (this.#timer === undefined) this.#look(now);
  }

  /** Sends what waits, as far as the lanes take it. */
  #pump(): void {
    if (this.#pumping || this.#queue.length === 0 || this.resources.suspended) return;
    this.#pumping = true;
    const now = this.resources.clock.now();
    for (let query = this.#queue.head; query !== undefined; query = this.#queue.head) {
      const lane = leastLoaded(this.#supply.lanes, this.tuning.window);
      if (lane === undefined) break;
      this.#queue.remove(query);
      this.#place(lane, query, now);
    }
    this.#pumping = false;
    if (this.#queue.length > 0) this.#supply.openIfWanted(undefined);
  }

  // What the supply tells.

  opened(): void {
    this.#look(this.resources.clock.now());
    this.#pump();
  }

  notShared(lease: PgLease, why: string | undefined): void {
    // Where it could not be found out, the next query has it asked again.
    if (why !== undefined) this.#refused = { why, generation: this.resources.generation };
    if (!lease.released) void lease.release();
    this.#runExclusively();
  }

  refused(error: Error): void {
    this.#queue.refuse(error);
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
      try {
        query.scope?.runInAsyncScope(this.#parts.exclusively, undefined, text, values, reply);
      } catch (error) {
        query.settle(error as Error);
      }
    }
    this.#bypassed = false;
  }

  // Answers.

  answered(lane: Lane, query: LaneQuery, error: Error | undefined, result: unknown): void {
    this.load.ended(query);
    if (error === undefined) {
      this.#afterAnswer(lane);
      query.settle(undefined, result);
      return;
    }
    const told = judge(lane, query, error, this.#parts, this.#queue);
    this.#afterAnswer(lane);
    if (told !== undefined) query.settle(told);
  }

  #afterAnswer(lane: Lane): void {
    if (lane.retiring !== undefined || this.#supply.closing) this.#supply.settle(lane);
    if (this.#queue.length > 0) this.#pump();
  }

  lost(lane: Lane): void {
    this.#supply.settle(lane);
    if (this.#queue.length > 0) this.#pump();
  }

  // The regular look.

  #look(now: number): void {
    if (this.#timer !== undefined) return;
    this.#supply.watched(now);
    this.#arm();
  }

  /** After a pause of the process, answers that lie in the sockets come first: they make room for who is about to be refused. */
  #arm(): void {
    this.#timer = deadline(this.resources.clock, LOOK_MS, () => this.#onTimer());
  }

  #onTimer(): void {
    const now = this.resources.clock.now();
    const { lanes } = this.#supply;
    for (const lane of [...lanes]) {
      const head = lane.look(now);
      // Nobody waits for it any more, but those behind it.
      if (head?.settled === true && lane.mayCancel) this.#cancels.cancel(lane, head);
      this.#supply.endOld(lane, now);
    }
    if (this.#timesQueries) this.#cancels.endTimes(lanes, now);
    this.#queue.endWaits(now);
    this.#supply.balance(now);
    const { depth } = this.tuning;
    if (this.load.peak > depth * lanes.length) this.#supply.openIfWanted(depth);
    this.load.looked();
    this.#pump();
    if (lanes.length > 0 || this.#queue.length > 0) this.#arm();
    else this.#timer = undefined;
  }
}
