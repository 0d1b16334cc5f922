/**
 * The mechanism: acquire, release, connect, destroy. It decides nothing that can be decided outside of it.
 *
 * @module
 */
import { DeadlineQueue } from './_deadline_queue.ts';
import { Entry } from './_entry.ts';
import { IdleStack } from './_idle_stack.ts';
import { Meter } from './_meter.ts';
import { Observers } from './_observers.ts';
import { WaiterQueue } from './_waiter_queue.ts';
import type { Clock, Timer } from './clock.ts';
import type { ConnectionFactory, ResetResult } from './connection_factory.ts';
import type { ConnectionState, DestroyReason } from './contract.ts';
import {
  ConnectionLostError,
  ConnectTimeoutError,
  IllegalStateError,
  LeaseReleasedError,
  PoolClosedError,
} from './errors.ts';
import type { Waiter } from './waiter.ts';

/** What a failed connect means for those who wait. */
export type ConnectFailureVerdict = 'wait' | 'reject-one' | 'reject-all';

/**
 * Decides what the mechanism only carries out. Called synchronously, on hot paths: answers must be O(1).
 */
export interface Governor<C> {
  /**
   * Asked while acquires wait and there is room, after anything that may have changed the answer: how many more connects
   * to start now. When the answer is 0 and none is in flight, a {@link ResourcePool.recheckIn} must be pending; the
   * pool arms one of its own otherwise.
   */
  connectsWanted(now: number): number;
  /** Told before the connection is offered to anybody. */
  connected?(entry: Entry<C>, tookMs: number, now: number): void;
  connectFailed?(error: unknown, tookMs: number, now: number): ConnectFailureVerdict;
  /** What `reject-one` and `reject-all` reject with. @default the connect's own error */
  connectError?(error: unknown): Error;
  /** Whether a returned connection past its lifetime or uses may be retired now. @default yes */
  mayRetire?(entry: Entry<C>, reason: DestroyReason, now: number): boolean;
  /** An acquire would have to wait: undefined to let it, an error to refuse it. */
  refuse?(now: number): Error | undefined;
  /** The error of an acquire whose deadline has passed. */
  timedOut(waiter: Waiter<C>, now: number): Error;
  /** A connection died by itself. */
  lost?(entry: Entry<C>, state: ConnectionState, error: unknown, now: number): void;
  /** A connection left the pool. */
  destroyed?(entry: Entry<C>, reason: DestroyReason, now: number): void;
  /** The time asked for by `recheckIn` has come. The pool asks for demand right after. */
  rechecked?(now: number): void;
}

/** What the mechanism is made of. All durations in ms; none has a default here: options.ts is the place. */
export interface ResourcePoolParts<C> {
  readonly name: string;
  readonly factory: ConnectionFactory<C>;
  readonly clock: Clock;
  readonly governor: Governor<C>;
  /** The most connections, in any state. */
  readonly limit: number;
  /** Infinity for none. */
  readonly acquireTimeoutMs: number;
  /** Infinity for none. */
  readonly connectTimeoutMs: number;
  readonly resetTimeoutMs: number;
  readonly closeTimeoutMs: number;
  /** Infinity for none. */
  readonly maxUses: number;
}

/** How long waiters may stand with room, no connect in flight and no recheck pending: never, by a correct governor. */
const WATCHDOG_MS = 250;

/**
 * A pool of anything. Idle connections are a stack, waiters a queue; a returned connection goes to the first waiter in
 * the same tick; a connect belongs to the pool and outlives the waiter it was started for.
 *
 * | operation | cost |
 * |---|---|
 * | acquire, release, hand-over, cancel | O(1) |
 * | a waiter whose deadline is sooner than an earlier waiter's | O(log n) |
 * | every counter | O(1) |
 *
 * Invariant, see {@link assertInvariants}: the states sum to the size; the size exceeds the limit only as long as it did
 * when the limit was lowered; while acquires wait and there is room, a connect is in flight or a timer is set.
 */
export class ResourcePool<C> {
  readonly name: string;
  readonly clock: Clock;
  readonly meter: Meter = new Meter();
  readonly observers: Observers;
  readonly #parts: ResourcePoolParts<C>;
  readonly #factory: ConnectionFactory<C>;
  readonly #governor: Governor<C>;

  readonly #entries = new Set<Entry<C>>();
  readonly #idle = new IdleStack<C>();
  readonly #waiters = new WaiterQueue<C>();
  readonly #deadlines = new DeadlineQueue<C>();
  #connecting = 0;
  #leased = 0;
  #resetting = 0;
  #probing = 0;
  #closing = 0;

  #limit: number;
  /** The size that is excused: above the limit only because the limit was lowered. Never rises by itself. */
  #excused = 0;
  #generation = 1;
  #lastEntryId = 0;
  #lastLeaseId = 0;
  #suspended = false;
  #ending: Promise<void> | undefined;
  #setEnded: (() => void) | undefined;
  #ended = false;
  /** Set while waiters are being answered: what comes back meanwhile joins the loop instead of a deeper call. */
  #serving = false;

  #deadlineTimer: Timer | undefined;
  #deadlineAt: number = Number.POSITIVE_INFINITY;
  #recheckTimer: Timer | undefined;
  #recheckAt: number = Number.POSITIVE_INFINITY;
  #graceTimer: Timer | undefined;

  constructor(parts: ResourcePoolParts<C>) {
    this.name = parts.name;
    this.clock = parts.clock;
    this.observers = new Observers(parts.name);
    this.#parts = parts;
    this.#factory = parts.factory;
    this.#governor = parts.governor;
    this.#limit = parts.limit;
  }

  /** Connections in any state. */
  get size(): number {
    return this.#entries.size;
  }
  get connecting(): number {
    return this.#connecting;
  }
  get idle(): number {
    return this.#idle.length;
  }
  get leased(): number {
    return this.#leased;
  }
  get resetting(): number {
    return this.#resetting;
  }
  get probing(): number {
    return this.#probing;
  }
  get closing(): number {
    return this.#closing;
  }
  /** Acquires that wait. */
  get waiting(): number {
    return this.#waiters.length;
  }
  /** The acquire that has waited longest. */
  get oldestWaiter(): Waiter<C> | undefined {
    return this.#waiters.head;
  }
  /** The most connections that may exist; the size may be above it after it was lowered, until leases come back. */
  get limit(): number {
    return this.#limit;
  }
  /** Connects that may still be started. */
  get room(): number {
    return Math.max(0, this.#limit - this.#entries.size);
  }
  get generation(): number {
    return this.#generation;
  }
  get suspended(): boolean {
    return this.#suspended;
  }
  /** Whether `end()` was called. */
  get ending(): boolean {
    return this.#ending !== undefined;
  }
  get ended(): boolean {
    return this.#ended;
  }

  /** The connections and their ledgers, in order of birth. To be read, not written. */
  entries(): IterableIterator<Entry<C>> {
    return this.#entries.values();
  }

  /** The idle connections from the coldest to the hottest. */
  idleEntries(): Iterable<Entry<C>> {
    return this.#idle;
  }

  // --- acquire ---------------------------------------------------------------------------------------------------

  /**
   * Takes an idle connection, if there is one, without a waiter. The caller must tell: see {@link announce}.
   * Connects nothing, waits for nothing.
   *
   * @throws PoolClosedError
   */
  tryAcquire(label?: string): Entry<C> | undefined {
    if (this.#ending !== undefined) throw this.#closedError();
    if (this.#idle.length === 0 || this.#suspended) return undefined;
    const now = this.clock.now();
    const entry = this.#takeIdle(now);
    if (entry === undefined) return undefined;
    this.meter.leaseBegan(now);
    this.#leased++;
    this.#lease(entry, now, 0, label);
    return entry;
  }

  /** Tells observers of an entry got from {@link tryAcquire}. Cheap while nobody listens. */
  announce(entry: Entry<C>, waitedMs: number, lease?: object): void {
    if (!this.observers.hearsLeases) return;
    const { leaseId, id: connectionId, label } = entry;
    this.observers.acquired(
      label === undefined
        ? { leaseId, connectionId, waitedMs }
        : { leaseId, connectionId, waitedMs, label },
      lease,
    );
  }

  /**
   * Answers the waiter: at once where a connection is idle (or can be made synchronously), else when one comes back or
   * is opened. A connect that this acquire calls for has begun when the call returns.
   */
  acquire(waiter: Waiter<C>, timeoutMs?: number): void {
    if (this.#ending !== undefined) {
      this.#reject(waiter, this.#closedError(), 0);
      return;
    }
    const now = this.clock.now();
    waiter.since = now;
    if (!this.#suspended && this.#idle.length > 0) {
      const entry = this.#takeIdle(now);
      if (entry !== undefined) {
        this.meter.leaseBegan(now);
        this.#leased++;
        this.#grant(entry, waiter, now);
        return;
      }
    }
    const refusal = this.#governor.refuse?.(now);
    if (refusal !== undefined) {
      this.#reject(waiter, refusal, 0);
      return;
    }
    waiter.ownTimeout = timeoutMs !== undefined;
    waiter.timeoutMs = timeoutMs ?? this.#parts.acquireTimeoutMs;
    waiter.deadline = now + waiter.timeoutMs;
    this.#waiters.push(waiter);
    if (waiter.deadline < Number.POSITIVE_INFINITY) {
      this.#deadlines.add(waiter);
      if (waiter.deadline < this.#deadlineAt) this.#armDeadline(waiter.deadline, now);
    }
    this.#pulse(now);
  }

  /** Takes a waiter out of the queue and refuses it with `error`. @returns false when it was answered before. */
  cancel(waiter: Waiter<C>, error: Error): boolean {
    if (!waiter.queued) return false;
    this.#unqueue(waiter);
    this.meter.acquireAborts++;
    this.#tellRejected(error, this.clock.now() - waiter.since);
    waiter.refused(error);
    return true;
  }

  /** Refuses every waiter. */
  rejectAll(error: Error): void {
    const now = this.clock.now();
    // Only those that wait now: a refused caller may ask again at once.
    for (let left = this.#waiters.length; left > 0; left--) {
      const waiter = this.#waiters.head;
      if (waiter === undefined) return;
      this.#unqueue(waiter);
      this.#reject(waiter, error, now - waiter.since);
    }
  }

  // --- release ---------------------------------------------------------------------------------------------------

  /**
   * Gives a leased connection back. It goes to the first waiter in the same tick, unless it has to be reset first.
   *
   * @param error anything but undefined, null and false: the connection is destroyed.
   * @returns a promise only when the connection needs time to be reset or closed; it never rejects.
   * @throws LeaseReleasedError when `leaseId` is not the lease it is out on.
   */
  release(entry: Entry<C>, leaseId: number, error?: unknown): Promise<void> | undefined {
    if (entry.leaseId !== leaseId || leaseId === 0) {
      throw new LeaseReleasedError(leaseId, 'release the connection');
    }
    const now = this.clock.now();
    this.#endLease(entry, now);
    const reason =
      error === undefined || error === null || error === false
        ? this.#whyNotKept(entry, now)
        : 'released-with-error';
    if (reason !== undefined) return this.#discardLeased(entry, reason, now);
    return this.#resetAndOffer(entry, now);
  }

  /** Ends a lease and destroys its connection. @throws LeaseReleasedError */
  discard(entry: Entry<C>, leaseId: number, reason: DestroyReason): Promise<void> {
    if (entry.leaseId !== leaseId || leaseId === 0) {
      throw new LeaseReleasedError(leaseId, 'discard the connection');
    }
    const now = this.clock.now();
    this.#endLease(entry, now);
    return this.#discardLeased(entry, reason, now);
  }

  /** Takes back a lease whose holder is lost. @returns false when no such lease is out. */
  reclaim(leaseId: number): boolean {
    for (const entry of this.#entries) {
      if (entry.leaseId !== leaseId || leaseId === 0) continue;
      const now = this.clock.now();
      this.#endLease(entry, now);
      let clean = false;
      try {
        clean = this.#factory.isClean?.(entry.connection as C) ?? false;
      } catch {
        // A hook that cannot tell: the connection is not to be trusted.
      }
      const reason = clean ? this.#whyNotKept(entry, now) : 'reclaimed';
      if (reason === undefined) void this.#resetAndOffer(entry, now);
      else void this.#discardLeased(entry, reason, now);
      return true;
    }
    return false;
  }

  // --- connections without users ---------------------------------------------------------------------------------

  /** Starts connects that no waiter asked for, as far as there is room. @returns how many. */
  open(count: number): number {
    if (this.#ending !== undefined) return 0;
    const now = this.clock.now();
    let started = 0;
    while (started < count && this.#entries.size < this.#limit) {
      started++;
      this.#connect(now);
    }
    return started;
  }

  /** Takes an idle connection aside to be examined. It serves nobody until {@link endProbe}. */
  beginProbe(entry: Entry<C>): C {
    if (entry.state !== 'idle') throw new IllegalStateError(entry.id, entry.state, 'probing');
    this.#idle.remove(entry);
    entry.state = 'probing';
    this.#probing++;
    return entry.connection as C;
  }

  /** Puts an examined connection back, or destroys it. Harmless when the pool closed it meanwhile. */
  endProbe(entry: Entry<C>, reason?: DestroyReason): void {
    if (entry.state === 'closing' || entry.state === 'closed') return;
    if (entry.state !== 'probing') throw new IllegalStateError(entry.id, entry.state, 'idle');
    const now = this.clock.now();
    this.#probing--;
    const why = reason ?? entry.doomed ?? (this.#ending === undefined ? undefined : 'closing');
    if (why !== undefined) {
      void this.#close(entry, why, now);
      return;
    }
    entry.aliveAt = now;
    this.#offer(entry, now, entry.idleSince);
  }

  /** Closes an idle connection. @throws IllegalStateError when it is not idle. */
  destroyIdle(entry: Entry<C>, reason: DestroyReason): Promise<void> {
    if (entry.state !== 'idle') throw new IllegalStateError(entry.id, entry.state, 'closing');
    this.#idle.remove(entry);
    return this.#close(entry, reason, this.clock.now());
  }

  /** A connection is dead, or must be treated so: closed now where nobody has it, else when it comes back. */
  doom(entry: Entry<C>, reason: DestroyReason, error?: unknown): void {
    this.#lost(entry, reason, error);
  }

  /** Outdates every connection of now: the leased die on their return, the others may be closed by the caller. */
  bumpGeneration(): number {
    return ++this.#generation;
  }

  // --- size and time ---------------------------------------------------------------------------------------------

  /** Changes the limit. Idle connections above a lowered one are closed now, leased ones when they come back. */
  setLimit(limit: number, reason: DestroyReason = 'shrink'): void {
    const now = this.clock.now();
    const before = this.#limit;
    this.#limit = limit;
    if (limit < before) {
      this.#excused = Math.max(this.#excused, this.#entries.size);
      while (this.#entries.size - this.#closing > limit) {
        const coldest = this.#idle.coldest;
        if (coldest === undefined) break;
        this.#idle.remove(coldest);
        void this.#close(coldest, reason, now);
      }
    } else if (limit > before) {
      this.#pulse(now);
    }
  }

  /** Asks the governor for demand again after `ms`, at the latest. */
  recheckIn(ms: number): void {
    const now = this.clock.now();
    const at = now + ms;
    if (at >= this.#recheckAt || this.#ending !== undefined) return;
    this.#recheckTimer?.cancel();
    this.#recheckAt = at;
    this.#recheckTimer = this.clock.setTimeout(() => {
      this.#recheckTimer = undefined;
      this.#recheckAt = Number.POSITIVE_INFINITY;
      const then = this.clock.now();
      this.#governor.rechecked?.(then);
      this.#pulse(then);
    }, ms);
  }

  /** Asks the governor for demand now. */
  pulse(): void {
    this.#pulse(this.clock.now());
  }

  /** Hands nothing out until {@link resume}; acquires wait. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    if (!this.#suspended) return;
    this.#suspended = false;
    const now = this.clock.now();
    this.#serve(now);
    this.#pulse(now);
  }

  /**
   * Closes the pool: waiters are refused at once, idle connections closed, leased ones closed when they come back and
   * at the latest after `graceMs`. A second call returns the same promise, and may shorten the grace.
   */
  end(graceMs: number): Promise<void> {
    const now = this.clock.now();
    this.#ending ??= this.#beginEnd(now);
    if (!this.#ended && graceMs < Number.POSITIVE_INFINITY) {
      const previous = this.#graceTimer;
      const timer = this.clock.setTimeout(() => this.#endLeases(), graceMs);
      this.#graceTimer = timer;
      previous?.cancel();
    }
    return this.#ending;
  }

  #beginEnd(now: number): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#setEnded = resolve;
    });
    this.#ending = ended;
    this.#recheckTimer?.cancel();
    this.#recheckTimer = undefined;
    this.rejectAll(this.#closedError());
    this.#deadlineTimer?.cancel();
    this.#deadlineTimer = undefined;
    for (const entry of [...this.#entries]) {
      if (entry.state === 'connecting') this.#abandonConnect(entry, this.#closedError());
      else if (entry.state === 'idle') void this.destroyIdle(entry, 'closing');
      else if (entry.state === 'probing') {
        this.#probing--;
        void this.#close(entry, 'closing', now);
      }
    }
    this.#endIfEmpty();
    return ended;
  }

  /** The grace is over: what is still out is closed under its holder. */
  #endLeases(): void {
    const now = this.clock.now();
    for (const entry of [...this.#entries]) {
      if (entry.state === 'leased') {
        this.#endLease(entry, now);
        void this.#discardLeased(entry, 'closing', now);
      } else if (entry.state === 'resetting') {
        this.#resetting--;
        void this.#close(entry, 'closing', now);
      }
    }
  }

  #endIfEmpty(): void {
    if (this.#ending === undefined || this.#ended || this.#entries.size > 0) return;
    this.#ended = true;
    this.#graceTimer?.cancel();
    this.#graceTimer = undefined;
    this.observers.tell('closed', undefined);
    this.#setEnded?.();
  }

  // --- handing out -----------------------------------------------------------------------------------------------

  /** The hottest idle connection that is usable; the others found on the way are closed. */
  #takeIdle(now: number): Entry<C> | undefined {
    for (;;) {
      const entry = this.#idle.pop();
      if (entry === undefined) return undefined;
      const reason =
        entry.generation !== this.#generation
          ? 'outdated'
          : this.#usable(entry)
            ? undefined
            : 'connection-error';
      if (reason === undefined) return entry;
      void this.#close(entry, reason, now);
    }
  }

  #usable(entry: Entry<C>): boolean {
    const factory = this.#factory;
    if (factory.isUsable === undefined) return true;
    try {
      return factory.isUsable(entry.connection as C);
    } catch {
      return false;
    }
  }

  /** The connection is in no state when this is called, and counted as leased by the caller. */
  #lease(entry: Entry<C>, now: number, waitedMs: number, label: string | undefined): void {
    entry.state = 'leased';
    entry.leaseId = ++this.#lastLeaseId;
    entry.leasedAt = now;
    entry.label = label;
    this.meter.granted(now, waitedMs);
  }

  #grant(entry: Entry<C>, waiter: Waiter<C>, now: number): void {
    const waitedMs = now - waiter.since;
    this.#lease(entry, now, waitedMs, waiter.label);
    const lease = waiter.granted(entry, waitedMs);
    if (this.observers.hearsLeases) this.announce(entry, waitedMs, lease ?? undefined);
  }

  /** A connection that nobody has, in no state: to the first waiter, else to the stack. */
  #offer(entry: Entry<C>, now: number, idleSince: number): void {
    if (!this.#serving && !this.#suspended && this.#waiters.length > 0) {
      const waiter = this.#waiters.head as Waiter<C>;
      this.#unqueue(waiter);
      this.meter.leaseBegan(now);
      this.#leased++;
      this.#serving = true;
      this.#grant(entry, waiter, now);
      this.#serving = false;
      // Callers that gave back what they got within the call put it on the stack.
      if (this.#idle.length > 0 && this.#waiters.length > 0) this.#serve(now);
      return;
    }
    entry.state = 'idle';
    entry.idleSince = idleSince;
    this.#idle.push(entry);
  }

  /** Idle connections to waiters, until one of both runs out. */
  #serve(now: number): void {
    if (this.#serving || this.#suspended) return;
    this.#serving = true;
    while (this.#waiters.length > 0) {
      const entry = this.#takeIdle(now);
      if (entry === undefined) break;
      const waiter = this.#waiters.head;
      if (waiter === undefined) {
        // The last one left while an unusable connection was being closed.
        entry.state = 'idle';
        this.#idle.push(entry);
        break;
      }
      this.#unqueue(waiter);
      this.meter.leaseBegan(now);
      this.#leased++;
      this.#grant(entry, waiter, now);
    }
    this.#serving = false;
  }

  #unqueue(waiter: Waiter<C>): void {
    this.#waiters.remove(waiter);
    if (waiter.deadline < Number.POSITIVE_INFINITY) this.#deadlines.remove(waiter);
  }

  #reject(waiter: Waiter<C>, error: Error, waitedMs: number): void {
    this.meter.acquireRejections++;
    this.#tellRejected(error, waitedMs);
    waiter.refused(error);
  }

  #tellRejected(error: Error, waitedMs: number): void {
    const code = 'code' in error ? String(error.code) : error.name;
    this.observers.tell('rejected', { code, waitedMs });
  }

  // --- coming back -----------------------------------------------------------------------------------------------

  #endLease(entry: Entry<C>, now: number): void {
    const { leaseId, leasedAt } = entry;
    const heldMs = now - leasedAt;
    entry.leaseId = 0;
    entry.label = undefined;
    entry.uses++;
    this.meter.returned(leasedAt, heldMs);
    if (this.observers.hearsLeases) {
      this.observers.tell('released', { leaseId, connectionId: entry.id, heldMs });
    }
  }

  #whyNotKept(entry: Entry<C>, now: number): DestroyReason | undefined {
    if (entry.doomed !== undefined) return entry.doomed;
    if (this.#ending !== undefined) return 'closing';
    if (entry.generation !== this.#generation) return 'outdated';
    if (this.#entries.size - this.#closing > this.#limit) return 'shrink';
    if (entry.uses >= this.#parts.maxUses) {
      if (this.#governor.mayRetire?.(entry, 'max-uses', now) ?? true) return 'max-uses';
    } else if (now >= entry.expiresAt) {
      if (this.#governor.mayRetire?.(entry, 'lifetime', now) ?? true) return 'lifetime';
    }
    return this.#usable(entry) ? undefined : 'connection-error';
  }

  #discardLeased(entry: Entry<C>, reason: DestroyReason, now: number): Promise<void> {
    this.#leased--;
    this.meter.leaseEnded(now);
    return this.#close(entry, reason, now);
  }

  /** The lease is over and the connection is kept: hand it on, at once where it is clean. */
  #resetAndOffer(entry: Entry<C>, now: number): Promise<void> | undefined {
    const factory = this.#factory;
    if (factory.reset !== undefined) {
      let result: ReturnType<NonNullable<ConnectionFactory<C>['reset']>>;
      try {
        result = factory.reset(entry.connection as C);
      } catch {
        return this.#discardLeased(entry, 'reset-failed', now);
      }
      if (result !== undefined) {
        if (typeof result === 'string') return this.#discardLeased(entry, result, now);
        return this.#awaitReset(entry, result, now);
      }
    }
    entry.aliveAt = now;
    const waiter = this.#waiters.head;
    if (waiter !== undefined && !this.#serving && !this.#suspended) {
      // From user to user: the connection stays leased, so nothing but the lease changes.
      this.#unqueue(waiter);
      this.#serving = true;
      this.#grant(entry, waiter, now);
      this.#serving = false;
      if (this.#idle.length > 0 && this.#waiters.length > 0) this.#serve(now);
      return undefined;
    }
    this.#leased--;
    this.meter.leaseEnded(now);
    entry.state = 'idle';
    entry.idleSince = now;
    this.#idle.push(entry);
    return undefined;
  }

  #awaitReset(entry: Entry<C>, result: Promise<ResetResult>, now: number): Promise<void> {
    this.#leased--;
    this.meter.leaseEnded(now);
    this.#resetting++;
    entry.state = 'resetting';
    return new Promise<void>((resolve) => {
      const finish = (reason: ResetResult): void => resolve(this.#endReset(entry, reason));
      const fail = (): void => finish('reset-failed');
      entry.timer = this.clock.setTimeout(fail, this.#parts.resetTimeoutMs);
      result.then(finish, fail);
    });
  }

  #endReset(entry: Entry<C>, reason: ResetResult): Promise<void> | undefined {
    // Its deadline has passed, or the pool took it away meanwhile.
    if (entry.state !== 'resetting') return undefined;
    entry.timer?.cancel();
    entry.timer = undefined;
    this.#resetting--;
    const now = this.clock.now();
    const why = typeof reason === 'string' ? reason : this.#whyNotKept(entry, now);
    if (why !== undefined) return this.#close(entry, why, now);
    entry.aliveAt = now;
    this.#offer(entry, now, now);
    return undefined;
  }

  // --- opening ---------------------------------------------------------------------------------------------------

  /** Opens what the governor wants for the waiters there are. Called after anything that may have changed that. */
  #pulse(now: number): void {
    if (this.#waiters.length === 0 || this.#ending !== undefined || this.#suspended) return;
    if (this.#idle.length > 0) this.#serve(now);
    if (this.#waiters.length === 0 || this.#entries.size >= this.#limit) return;
    for (let wanted = this.#governor.connectsWanted(now); wanted > 0; wanted--) {
      if (this.#waiters.length === 0 || this.#entries.size >= this.#limit) return;
      this.#connect(now);
    }
    if (this.#connecting === 0 && this.#recheckTimer === undefined && this.#waiters.length > 0) {
      this.recheckIn(WATCHDOG_MS);
    }
  }

  #connect(now: number): void {
    const entry = new Entry<C>(++this.#lastEntryId, this.#generation, now);
    const abort = new AbortController();
    entry.abort = abort;
    this.#entries.add(entry);
    this.#connecting++;
    let result: Promise<C> | C;
    try {
      result = this.#factory.create(abort.signal, (error) =>
        this.#lost(entry, 'connection-error', error),
      );
    } catch (error) {
      this.#connectFailed(entry, error);
      return;
    }
    if (!isPromiseLike(result)) {
      this.#connected(entry, result);
      return;
    }
    const { connectTimeoutMs } = this.#parts;
    if (entry.state === 'connecting' && connectTimeoutMs < Number.POSITIVE_INFINITY) {
      entry.timer = this.clock.setTimeout(() => {
        this.#abandonConnect(entry, new ConnectTimeoutError(connectTimeoutMs));
      }, connectTimeoutMs);
    }
    result.then(
      (connection) => this.#connected(entry, connection),
      (error) => this.#connectFailed(entry, error),
    );
  }

  #connected(entry: Entry<C>, connection: C): void {
    if (entry.state !== 'connecting') {
      // Its deadline has passed, or the pool has closed: nobody may have it any more.
      this.#destroyLate(connection);
      return;
    }
    const now = this.clock.now();
    const tookMs = now - entry.createdAt;
    this.#endConnect(entry);
    entry.connection = connection;
    entry.createdAt = now;
    entry.aliveAt = now;
    this.meter.connected(tookMs);
    this.#governor.connected?.(entry, tookMs, now);
    this.observers.tell('created', { connectionId: entry.id, tookMs });
    const reason =
      entry.generation !== this.#generation
        ? 'outdated'
        : this.#entries.size - this.#closing > this.#limit
          ? 'shrink'
          : undefined;
    if (reason !== undefined) void this.#close(entry, reason, now);
    else this.#offer(entry, now, now);
    this.#pulse(now);
  }

  #connectFailed(entry: Entry<C>, error: unknown): void {
    if (entry.state !== 'connecting') return;
    const now = this.clock.now();
    this.#endConnect(entry);
    this.#forget(entry);
    this.meter.createFailures++;
    const governor = this.#governor;
    const verdict =
      this.#ending === undefined
        ? (governor.connectFailed?.(error, now - entry.createdAt, now) ?? 'reject-one')
        : 'wait';
    if (verdict !== 'wait') {
      const told = governor.connectError?.(error) ?? asError(error);
      if (verdict === 'reject-all') this.rejectAll(told);
      else {
        const waiter = this.#waiters.head;
        if (waiter !== undefined) {
          this.#unqueue(waiter);
          this.#reject(waiter, told, now - waiter.since);
        }
      }
    }
    this.#pulse(now);
    this.#endIfEmpty();
  }

  /** Gives up on a connect that goes on: its result, when it comes, is destroyed. */
  #abandonConnect(entry: Entry<C>, error: Error): void {
    const { abort } = entry;
    this.#connectFailed(entry, error);
    abort?.abort(error);
  }

  #endConnect(entry: Entry<C>): void {
    this.#connecting--;
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.abort = undefined;
  }

  #destroyLate(connection: C): void {
    try {
      Promise.resolve(this.#factory.destroy(connection, 'closing')).catch(() => undefined);
    } catch {
      // It was never in the pool; there is nobody to tell.
    }
  }

  // --- closing ---------------------------------------------------------------------------------------------------

  #lost(entry: Entry<C>, reason: DestroyReason, error: unknown): void {
    const { state } = entry;
    if (state === 'closing' || state === 'closed') return;
    const now = this.clock.now();
    if (reason === 'connection-error') this.#governor.lost?.(entry, state, error, now);
    switch (state) {
      case 'connecting':
        this.#abandonConnect(
          entry,
          new ConnectionLostError('The connection was lost while it was being opened', {
            maybeExecuted: false,
            cause: error,
          }),
        );
        return;
      case 'leased':
        entry.doomed = reason;
        return;
      case 'idle':
        this.#idle.remove(entry);
        break;
      case 'probing':
        this.#probing--;
        break;
      case 'resetting':
        this.#resetting--;
        break;
    }
    void this.#close(entry, reason, now);
  }

  /** The connection is in no state but counted in the size: close it. */
  #close(entry: Entry<C>, reason: DestroyReason, now: number): Promise<void> {
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.state = 'closing';
    this.#closing++;
    let result: unknown;
    try {
      result = this.#factory.destroy(entry.connection as C, reason);
    } catch {
      result = undefined;
    }
    if (!isPromiseLike(result)) {
      this.#closed(entry, reason, now);
      return Promise.resolve();
    }
    return new Promise<void>((resolve) => {
      const finish = (): void => {
        if (entry.state === 'closing') this.#closed(entry, reason, this.clock.now());
        resolve();
      };
      entry.timer = this.clock.setTimeout(finish, this.#parts.closeTimeoutMs);
      result.then(finish, finish);
    });
  }

  #closed(entry: Entry<C>, reason: DestroyReason, now: number): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    this.#closing--;
    this.#forget(entry);
    this.meter.closed(reason);
    this.#governor.destroyed?.(entry, reason, now);
    this.observers.tell('destroyed', { connectionId: entry.id, reason });
    this.#pulse(now);
    this.#endIfEmpty();
  }

  #forget(entry: Entry<C>): void {
    entry.state = 'closed';
    entry.connection = undefined;
    this.#entries.delete(entry);
    this.#excused = Math.min(this.#excused, this.#entries.size);
  }

  #closedError(): PoolClosedError {
    return new PoolClosedError(this.name);
  }

  // --- deadlines -------------------------------------------------------------------------------------------------

  #armDeadline(at: number, now: number): void {
    this.#deadlineTimer?.cancel();
    this.#deadlineAt = at;
    this.#deadlineTimer = this.clock.setTimeout(() => this.#expire(), at - now);
  }

  /** Refuses the waiters whose time is up. The timer is set only when it fires: most waiters never see it. */
  #expire(): void {
    this.#deadlineTimer = undefined;
    this.#deadlineAt = Number.POSITIVE_INFINITY;
    const now = this.clock.now();
    for (;;) {
      const waiter = this.#deadlines.peek();
      if (waiter === undefined) return;
      if (waiter.deadline > now) {
        if (waiter.deadline < this.#deadlineAt) this.#armDeadline(waiter.deadline, now);
        return;
      }
      this.#unqueue(waiter);
      const error = this.#governor.timedOut(waiter, now);
      this.meter.acquireTimeouts++;
      this.#tellRejected(error, now - waiter.since);
      waiter.refused(error);
    }
  }

  // --- truth -----------------------------------------------------------------------------------------------------

  /** Recounts everything and compares. For tests; O(n). @throws Error naming every broken rule. */
  assertInvariants(): void {
    const broken: string[] = [];
    const counted: Record<string, number> = {};
    for (const { state } of this.#entries) counted[state] = (counted[state] ?? 0) + 1;
    const kept: Record<ConnectionState, number> = {
      connecting: this.#connecting,
      idle: this.#idle.length,
      leased: this.#leased,
      resetting: this.#resetting,
      probing: this.#probing,
      closing: this.#closing,
    };
    let sum = 0;
    for (const [state, count] of Object.entries(kept)) {
      sum += count;
      if (count !== (counted[state] ?? 0)) {
        broken.push(`${counted[state] ?? 0} connections are ${state}, the counter says ${count}`);
      }
    }
    if (sum !== this.#entries.size) {
      broken.push(`the states sum to ${sum}, the size is ${this.#entries.size}`);
    }
    if (this.#entries.size > Math.max(this.#limit, this.#excused)) {
      broken.push(`the size ${this.#entries.size} is above the limit ${this.#limit}`);
    }
    const waiting = this.#waiters.length;
    if (waiting > 0 && !this.#suspended && !this.#serving) {
      if (this.#idle.length > 0) broken.push(`${waiting} wait beside ${this.#idle.length} idle`);
      const armed = this.#recheckTimer !== undefined;
      if (this.#entries.size < this.#limit && this.#connecting === 0 && !armed) {
        broken.push(`${waiting} wait with room left, no connect in flight and no timer set`);
      }
    }
    if (this.#ending !== undefined && waiting > 0) broken.push(`${waiting} wait in a closing pool`);
    if (broken.length > 0) throw new Error(`Pool "${this.name}": ${broken.join('; ')}`);
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    value !== null &&
    typeof value === 'object' &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
