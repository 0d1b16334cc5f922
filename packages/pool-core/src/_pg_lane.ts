/**
 * One lane: a leased client in pipeline mode, and the queries under way on it.
 */
import type pg from 'pg';
import type { Entry } from './_entry.ts';
import { type LaneCancel, mayHit } from './_lane_cancel_policy.ts';
import { type LaneReason, type LaneView, workOf } from './_lane_policy.ts';
import { type LaneQuery, QueryList } from './_lane_query.ts';
import type { LaneSettings } from './_lane_settings.ts';
import type { LaneStatements } from './_lane_statements.ts';
import type { Lender, PgLease } from './_pg_checkout.ts';
import { type ClientInside, insideOf } from './_pg_client_inside.ts';
import { recordOf } from './_pg_client_record.ts';
import { ownQuery, sendPlain } from './_pg_one_shot.ts';
import type { StatementNames } from './_pg_statement_names.ts';
import type { ResourcePool } from './resource_pool.ts';

/** Between two looks at the lanes, ms. Below any bound that makes a statement slow. */
export const LOOK_MS = 4;

/** What pg 8.23 adds to its Client. */
interface PipelinedClient extends Omit<ClientInside, 'connection'> {
  pipeline: boolean;
  readonly _ended?: boolean;
  readonly connection: {
    readonly stream: {
      readonly bytesRead?: number;
      readonly writableLength?: number;
      cork?(): void;
      uncork?(): void;
      destroy?(): void;
    };
  };
  readonly connectionParameters: { query_timeout: number | false };
}

/** A lane takes no more while so much waits for its socket, bytes. */
const UNSENT_LIMIT = 1 << 20;

/** Nor while its head receives a result of more than this, bytes: all that is behind it waits for the whole of it. */
const LARGE_RESULT = 1 << 18;

export interface LaneHost {
  readonly resources: ResourcePool<pg.Client>;
  /** Undefined where the pool gives no names, or may not on this client. */
  readonly names: StatementNames | undefined;
  readonly tuning: LaneSettings;
  readonly statements: LaneStatements;
  /** A query has left the flight; the caller has not been told. */
  answered(lane: Lane, query: LaneQuery, error: Error | undefined, result: unknown): void;
  /** The client is lost. */
  lost(lane: Lane): void;
}

/**
 * The client is in pipeline mode only while it is a lane. What pg does then: each query is sent at once with a Sync of its own,
 * so an error ends its query only; answers come in order; a query that was sent can be neither taken back nor passed over.
 */
export class Lane implements LaneView {
  readonly id: number;
  readonly client: pg.Client;
  readonly flight: QueryList = new QueryList();
  readonly #host: LaneHost;
  readonly #entry: Entry<pg.Client>;
  readonly #lease: PgLease;
  readonly #inside: PipelinedClient;
  readonly #wasPipelined: boolean;
  readonly #queryTimeout: number | false;
  readonly #generation: number;
  /** The query that is being handed to pg. */
  #placing: LaneQuery | undefined;
  #corked = false;
  /** When it last answered (monotonic ms). */
  #answeredAt = 0;
  /** What its socket had received when the present head was first seen. */
  #readBefore = 0;
  readonly openedAt: number;
  /** When its last query ended (monotonic ms). */
  idleSince: number;
  /** What a query costs on the way alone, ms. */
  roundTripMs: number;
  /** Whether its head has been running for too long, or receives too much, to put anything behind it. */
  heldUp = false;
  /** The last cancel request; while it may still take effect there is no other. */
  cancel: LaneCancel | undefined;
  /** The server has ended the session: what was behind that has not been executed. */
  fatal = false;
  /** Why it takes no more, once it does not. */
  retiring: LaneReason | undefined;
  /** With what its connection is given back. */
  cost: Error | undefined;
  served = 0;
  /** The work under way on it, ms. */
  workMs = 0;

  constructor(host: LaneHost, entry: Entry<pg.Client>, lease: PgLease, roundTripMs: number) {
    this.#host = host;
    this.#entry = entry;
    this.#lease = lease;
    this.id = entry.id;
    this.client = entry.connection as pg.Client;
    this.#generation = entry.generation;
    this.roundTripMs = roundTripMs;
    const { clock, meter } = host.resources;
    this.openedAt = clock.now();
    this.idleSince = this.openedAt;
    meter.leaseEnded(this.openedAt);
    const inside = insideOf(this.client) as unknown as PipelinedClient;
    this.#inside = inside;
    this.#wasPipelined = inside.pipeline;
    inside.pipeline = true;
    // pg would destroy the connection, and with it the neighbours: the lanes keep the time themselves.
    this.#queryTimeout = inside.connectionParameters.query_timeout;
    inside.connectionParameters.query_timeout = false;
    const record = recordOf(this.client);
    if (record !== undefined) {
      record.onError = (error) => {
        this.retire('lost', error);
        host.lost(this);
      };
    }
  }

  get inFlight(): number {
    return this.flight.length;
  }

  get open(): boolean {
    if (this.heldUp || this.cancelling || this.retiring !== undefined) return false;
    if (this.flight.tail?.isTrial === true) return false;
    return this.outlived === undefined && !this.#isChoked;
  }

  /** A cancel request has not been confirmed yet. */
  get cancelPending(): boolean {
    return this.cancel !== undefined && this.cancel.confirmedAt === undefined;
  }

  /** Whether there may be a cancel request: one at a time. */
  get mayCancel(): boolean {
    return !this.cancelling || this.cancel?.expired === true;
  }

  /** A cancel request is under way, or may still take effect on what was sent before. */
  get cancelling(): boolean {
    const { cancel, flight } = this;
    if (cancel === undefined) return false;
    return this.cancelPending || (flight.head !== undefined && mayHit(cancel, flight.head));
  }

  get #isChoked(): boolean {
    return (this.#inside.connection.stream.writableLength ?? 0) > UNSENT_LIMIT;
  }

  /** Whether the connection can answer nothing more. */
  get isLost(): boolean {
    return this.#inside._queryable === false || this.#inside._ended === true;
  }

  /** Why it must not serve on, where it must not. */
  get outlived(): LaneReason | undefined {
    if (this.#generation !== this.#host.resources.generation) return 'outdated';
    if (this.#entry.doomed !== undefined || this.#lease.released || this.isLost) return 'lost';
    return this.#inside._ending === true ? 'closing' : undefined;
  }

  isPastLifetime(now: number): boolean {
    return now >= this.#entry.expiresAt;
  }

  /** Leases and queries: a query is a use, as it is on a connection of its own. */
  get uses(): number {
    return this.#entry.uses + this.served;
  }

  retire(reason: LaneReason, cost?: Error): void {
    this.retiring ??= reason;
    this.cost ??= cost;
  }

  /** Sends a query. Those of one tick leave in one write. */
  place(query: LaneQuery, now: number): void {
    query.lane = this;
    query.sentAt = now;
    query.sightings = 0;
    query.charged = false;
    query.workMs = workOf(query.statement.meanMs);
    this.workMs += query.workMs;
    const timeoutMs = query.timeoutMs || this.#queryTimeout;
    if (timeoutMs) query.expiresAt = now + Number(timeoutMs);
    if (this.flight.length === 0) this.#host.resources.meter.leaseBegan(now);
    this.flight.push(query);
    this.served++;
    this.#cork();
    this.#placing = query;
    try {
      if (query.scope === undefined) this.#send(query);
      else query.scope.runInAsyncScope(this.#send, this, query);
    } catch (error) {
      this.#placing = undefined;
      process.nextTick(() => this.#answered(query, error as Error, undefined));
    }
    this.#placing = undefined;
  }

  #send(query: LaneQuery): void {
    const { text, values, sql } = query;
    const { client } = this;
    const answered = (error: Error | null | undefined, result: unknown): void =>
      this.#answered(query, error ?? undefined, result);
    query.autoName = query.mayBeNamed ? this.#host.names?.nameFor(client, sql) : undefined;
    if (typeof text === 'string' && query.autoName === undefined) {
      sendPlain(client, text, values, answered);
    } else {
      void client.query(ownQuery(client, text, values, query.autoName) as never, answered as never);
    }
  }

  #cork(): void {
    if (this.#corked) return;
    const { stream } = this.#inside.connection;
    if (stream.cork === undefined || stream.uncork === undefined) return;
    this.#corked = true;
    stream.cork();
    process.nextTick(() => {
      this.#corked = false;
      stream.uncork?.();
    });
  }

  #answered(query: LaneQuery, error: Error | undefined, result: unknown): void {
    if (query === this.#placing) {
      // A value that cannot be sent. pg has asked for a Sync all the same, whose answer ends this flight.
      process.nextTick(() => query.settle(error));
      return;
    }
    if (query.lane !== this) return;
    const { clock, meter } = this.#host.resources;
    const now = clock.now();
    const wasHead = this.flight.head === query;
    this.flight.remove(query);
    this.workMs = this.flight.length === 0 ? 0 : this.workMs - query.workMs;
    query.lane = undefined;
    if (wasHead && !this.isLost) {
      const took = now - query.sentAt;
      if (took < this.roundTripMs) this.roundTripMs = took;
      const ownMs = this.#ownMs(query, now);
      this.#answeredAt = now;
      this.heldUp = false;
      if (!query.charged) this.#learned(query, ownMs);
    }
    if (this.flight.length === 0) {
      this.idleSince = now;
      meter.leaseEnded(now);
    }
    this.#host.answered(this, query, error, result);
  }

  /**
   * What the head has taken by itself: not before its answer could have come, and not while the one before it was running. Only what
   * looks confirm counts: a head that is still out at the next look was so after the loop had polled; else this process may
   * have been what was slow.
   */
  #ownMs(query: LaneQuery, now: number): number {
    const since = Math.max(query.sentAt + this.roundTripMs, this.#answeredAt);
    return Math.max(0, Math.min(now - since, Math.max(1, query.sightings) * LOOK_MS));
  }

  #learned(query: LaneQuery, ms: number): void {
    this.#host.statements.ranShared(query.statement, ms, this.#host.tuning);
  }

  /** A regular look at the head. @returns the head, when it has been out for a whole look. */
  look(now: number): LaneQuery | undefined {
    const { head } = this.flight;
    if (head === undefined) return undefined;
    const { bytesRead = 0 } = this.#inside.connection.stream;
    if (head.sightings++ === 0) {
      this.#readBefore = bytesRead;
      return undefined;
    }
    const ownMs = this.#ownMs(head, now);
    const { headMs, slowP95Ms } = this.#host.tuning;
    this.heldUp = ownMs >= headMs || bytesRead - this.#readBefore > LARGE_RESULT;
    if (!head.charged && ownMs > slowP95Ms) {
      // Not only when it is done: its next executions should not wait on other lanes meanwhile.
      head.charged = true;
      this.#learned(head, ownMs);
    }
    return head;
  }

  /** The empty query in front of the first one was answered. */
  pinged(tookMs: number): void {
    this.roundTripMs = Math.min(this.roundTripMs, tookMs);
    this.#answeredAt = this.#host.resources.clock.now();
  }

  /** Ends the connection at once: its queries are told that it was lost. */
  cut(): void {
    this.#inside.connection.stream.destroy?.();
  }

  /** Gives the connection back. Nothing is under way on it. */
  close(lender: Lender): void {
    const inside = this.#inside;
    const { clock, meter } = this.#host.resources;
    meter.leaseBegan(clock.now());
    inside.pipeline = this.#wasPipelined;
    inside.connectionParameters.query_timeout = this.#queryTimeout;
    if (this.#lease.released) return;
    const record = recordOf(this.client);
    if (record !== undefined) record.onError = undefined;
    if (this.retiring !== 'max-uses') {
      void this.#lease.release(this.cost);
      return;
    }
    // The pool counts leases.
    lender.released(this.client, undefined);
    void this.#host.resources.discard(this.#entry, this.#lease.id, 'max-uses');
  }
}
