/**
 * How many lanes there are: how they come, and how they go.
 */
import type pg from 'pg';
import type { Entry } from './_entry.ts';
import type { LaneLoad } from './_lane_load.ts';
import {
  givesLaneBack,
  idleFor,
  type LaneReason,
  lanesNeeded,
  leastLoaded,
  wantsLane,
} from './_lane_policy.ts';
import type { LaneChange } from './_lane_stats.ts';
import { type Lender, PgLease } from './_pg_checkout.ts';
import { Lane, type LaneHost } from './_pg_lane.ts';
import type { Permission } from './_pg_lane_permission.ts';
import { LABEL, LaneWaiter, type LaneWaiterHost } from './_pg_lane_waiter.ts';
import { pingAhead } from './_pg_round_trip.ts';
import { PoolClosedError } from './errors.ts';

const CHANGES_KEPT = 20;
/** A lane past its lifetime serves at least this long, as the pool may keep its connection a little longer. */
const LEAST_SERVICE_MS = 1_000;

/** Who places queries on the lanes. */
export interface LaneUser extends LaneHost {
  readonly load: LaneLoad;
  /** Queries that wait to be sent. */
  readonly queued: number;
  /** There is one more lane. */
  opened(): void;
  /** Without a lane, none can be had. */
  refused(error: Error): void;
  /** A connection was leased that must not be shared; `why` is undefined where that could not be found out. */
  notShared(lease: PgLease, why: string | undefined): void;
}

export interface SupplyParts {
  readonly lender: Lender;
  readonly permission: Permission;
  readonly maxUses: number;
}

/** Leases connections of the pool like any other user, and gives them back when they are not worth it, or others want them. */
export class LaneSupply implements LaneWaiterHost {
  /** Only this class changes it. */
  readonly lanes: Lane[] = [];
  readonly changes: LaneChange[] = [];
  readonly #user: LaneUser;
  readonly #parts: SupplyParts;
  readonly #roundTrips = new WeakMap<pg.Client, number>();
  #lastRoundTrip = 0;
  #ticket: LaneWaiter | undefined;
  /** Whether it is being found out what stands between the pool and its server, on a connection leased for a lane. */
  #asking = false;
  /** Since when fewer would have done (monotonic ms). */
  #lowSince: number | undefined;
  closing = false;

  constructor(user: LaneUser, parts: SupplyParts) {
    this.#user = user;
    this.#parts = parts;
  }

  /** Acquires that wait in the pool's queue for a lane. */
  get tickets(): number {
    return this.#ticket?.queued === true ? 1 : 0;
  }

  /** Acquires of others that wait there. */
  get others(): number {
    return this.#user.resources.waiting - this.tickets;
  }

  /** Whether a lane is on its way. */
  get #opening(): boolean {
    return this.#ticket !== undefined || this.#asking;
  }

  /** Whether the first lane could be opened at once. */
  get couldOpen(): boolean {
    const { idle, room } = this.#user.resources;
    return this.lanes.length === 0 && !this.#opening && idle + room > 0;
  }

  /** What a query costs on the way to the server and back alone, ms, as far as that is known. */
  roundTripOf(client: pg.Client): number {
    return this.#roundTrips.get(client) ?? this.#lastRoundTrip;
  }

  // Lanes come.

  /** Opens one more, if it is wanted with `fewest` in flight on the least loaded one (undefined: none takes more), of `aheadMs` of work. */
  openIfWanted(fewest: number | undefined, aheadMs = 0): void {
    let lanes = 0;
    let open = 0;
    for (const lane of this.lanes) {
      if (lane.retiring === undefined) lanes++;
      if (lane.open) open++;
    }
    const { resources, tuning } = this.#user;
    const reason = wantsLane(
      {
        lanes,
        open,
        opening: this.#opening,
        fewest,
        aheadMs,
        limit: resources.limit,
        others: this.others,
      },
      tuning,
    );
    if (reason === undefined) return;
    if (!resources.ending) this.#lease(reason);
    else if (this.lanes.length === 0) this.#user.refused(new PoolClosedError(resources.name));
  }

  #lease(reason: LaneReason): void {
    const { lender } = this.#parts;
    const { resources } = lender;
    const entry = resources.tryAcquire(LABEL);
    if (entry !== undefined) {
      const lease = new PgLease(lender, entry);
      resources.announce(entry, 0, lease);
      this.granted(entry, lease, reason);
      return;
    }
    this.#ticket = new LaneWaiter(this, lender, reason);
    // The queries' own deadlines are kept by their queue.
    resources.acquire(this.#ticket, Number.POSITIVE_INFINITY);
  }

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

  refused(error: Error): void {
    this.#ticket = undefined;
    // Those there are will serve what waits.
    if (this.lanes.length === 0) this.#user.refused(error);
  }

  #open(entry: Entry<pg.Client>, lease: PgLease, reason: LaneReason): void {
    const why = this.#parts.permission.whyNotPipelined;
    if (why !== '') {
      this.#user.notShared(lease, why);
      return;
    }
    if (lease.released) {
      if (this.#user.queued > 0) this.openIfWanted(undefined);
      return;
    }
    const known = this.#roundTrips.get(entry.connection as pg.Client);
    const lane = new Lane(this.#user, entry, lease, known ?? Number.POSITIVE_INFINITY);
    this.#record(1, reason);
    this.lanes.push(lane);
    if (known === undefined) this.#measure(lane);
    this.#user.opened();
    if (this.closing) this.settle(lane);
  }

  #measure(lane: Lane): void {
    const { clock } = this.#user.resources;
    const begun = clock.now();
    pingAhead(lane.client, () => {
      const tookMs = clock.now() - begun;
      lane.pinged(tookMs);
      this.#tookTrip(lane.client, tookMs);
    });
  }

  #tookTrip(client: pg.Client, ms: number): void {
    this.#roundTrips.set(client, ms);
    this.#lastRoundTrip = ms;
  }

  // Lanes go.

  /** The pool ends: what has been taken is still done, then the connections go back. */
  end(): void {
    this.closing = true;
    for (const lane of [...this.lanes]) this.settle(lane);
  }

  /** Gives a lane back that has nothing to do and no future. */
  settle(lane: Lane): void {
    if (lane.inFlight > 0 || lane.cancelPending) return;
    if (lane.retiring === undefined) {
      if (!this.closing || this.#user.queued > 0) return;
      lane.retire('closing');
    }
    const at = this.lanes.indexOf(lane);
    if (at < 0) return;
    this.lanes.splice(at, 1);
    this.#record(-1, lane.retiring ?? 'closing');
    const { client, roundTripMs } = lane;
    if (roundTripMs < Number.POSITIVE_INFINITY) this.#tookTrip(client, roundTripMs);
    lane.close(this.#parts.lender);
    if (this.lanes.length === 0 && this.#user.queued > 0) this.openIfWanted(undefined);
  }

  #record(by: 1 | -1, reason: LaneReason): void {
    const from = by === 1 ? this.lanes.length : this.lanes.length + 1;
    this.changes.push({ at: this.#user.resources.clock.wallNow(), from, to: from + by, reason });
    if (this.changes.length > CHANGES_KEPT) this.changes.shift();
  }

  endIdle(now: number, reason: LaneReason): void {
    const { resources, tuning } = this.#user;
    const { size, closing } = resources;
    const { others } = this;
    for (const lane of [...this.lanes]) {
      if (lane.inFlight > 0) continue;
      const lanes = this.lanes.length;
      const otherConnections = size - closing - lanes;
      if (now - lane.idleSince < idleFor({ lanes, others, otherConnections }, tuning)) continue;
      lane.retire(reason);
      this.settle(lane);
    }
  }

  /** Gives one back that has served its time. */
  endOld(lane: Lane, now: number): void {
    if (lane.retiring === undefined) {
      const { outlived } = lane;
      if (outlived !== undefined) lane.retire(outlived);
      else if (lane.uses >= this.#parts.maxUses) lane.retire('max-uses');
      else if (lane.isPastLifetime(now) && now - lane.openedAt >= LEAST_SERVICE_MS) {
        lane.retire('lifetime');
      }
    }
    if (lane.retiring !== undefined) this.settle(lane);
  }

  /** Looks begin: what was before says nothing about the load. */
  watched(now: number): void {
    this.#lowSince = now;
  }

  /** As many as the load is worth, and as others leave. */
  balance(now: number): void {
    const { load, queued, resources, tuning } = this.#user;
    const lanes = this.lanes.filter(({ retiring }) => retiring === undefined);
    if (lanes.length === 0) return;
    if (load.inFlight === 0 && queued === 0) {
      this.endIdle(now, 'idle');
      return;
    }
    const { peak, peakMs } = load;
    if (lanesNeeded(peak, peakMs, tuning) >= lanes.length) this.#lowSince = now;
    const { size, closing, limit, room } = resources;
    const reason = givesLaneBack(
      {
        lanes: lanes.length,
        open: lanes.filter(({ open }) => open).length,
        peak,
        peakMs,
        lowForMs: now - (this.#lowSince ?? now),
        // Where there is room, they get connections that are opened for them.
        others: room > 0 ? 0 : this.others,
        otherConnections: size - closing - this.lanes.length,
        excess: size - closing - limit,
      },
      tuning,
    );
    if (reason === undefined) return;
    this.#lowSince = now;
    const lane = leastLoaded(lanes, Number.POSITIVE_INFINITY) ?? lanes[0];
    lane?.retire(reason);
    if (lane !== undefined) this.settle(lane);
  }
}
