/**
 * The mechanism: acquire, release, connect, destroy. It decides nothing that can be decided outside of it.
 *
 * @module
 */
import { AcquireSites } from './_acquire_sites.ts';
import { Closer } from './_closer.ts';
import { SoonestTimer } from './_deadline.ts';
import { Entry } from './_entry.ts';
import { IdleStack } from './_idle_stack.ts';
import { checkInvariants } from './_invariants.ts';
import { Meter } from './_meter.ts';
import { Observers } from './_observers.ts';
import { Opener } from './_opener.ts';
import { Resetter } from './_resetter.ts';
import { WaitingRoom } from './_waiting_room.ts';
import type { Clock } from './clock.ts';
import type { ConnectionFactory, ResetResult } from './connection_factory.ts';
import type { ConnectionState, DestroyReason } from './contract.ts';
import {
  ConnectionLostError,
  IllegalStateError,
  LeaseReleasedError,
  PoolClosedError,
} from './errors.ts';
import type { Governor } from './governor.ts';
import type { Waiter } from './waiter.ts';

/** What the mechanism is made of. Durations in ms, none with a default here: options.ts is the place for those. */
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
  /** Between two acquires whose stack is taken; Infinity for never. */
  readonly acquireStackEveryMs: number;
  /** Infinity for none. */
  readonly maxUses: number;
  /** Of the newest sample in the running means. */
  readonly meanWeight: number;
}

/** When to ask a governor again that wants no connect and has set no timer, ms. A correct one never lets it come to that. */
const WATCHDOG_MS = 250;

const OPENED_IN_VAIN = 'The connection was of no use as soon as it was opened (isUsable)';

/**
 * A pool of anything. Idle connections are a stack, waiters a queue; a returned connection goes to the first waiter in
 * the same tick; a connect belongs to the pool and outlives the waiter it was started for (puddle's rules).
 *
 * | operation | cost |
 * |---|---|
 * | acquire, release, hand-over, cancel, every counter | O(1) |
 * | a waiter whose deadline is sooner than an earlier waiter's | O(log n) |
 *
 * What must hold whenever nobody is inside is written in `_invariants.ts`, see {@link assertInvariants}.
 */
export class ResourcePool<C> {
  readonly name: string;
  readonly clock: Clock;
  /** For acquires and releases. */
  readonly #coarseNow: () => number;
  readonly meter: Meter;
  readonly observers: Observers;
  readonly #sites: AcquireSites;
  readonly #parts: ResourcePoolParts<C>;
  readonly #factory: ConnectionFactory<C>;
  readonly #governor: Governor<C>;

  readonly #entries = new Set<Entry<C>>();
  readonly #idle = new IdleStack<C>();
  readonly #opener: Opener<C>;
  readonly #resetter: Resetter<C>;
  readonly #closer: Closer<C>;
  #leased = 0;
  #probing = 0;

  readonly #waiters: WaitingRoom<C>;
  readonly #recheckTimer: SoonestTimer;

  #limit: number;
  /** The size that is excused: above the limit only because the limit was lowered. Never rises by itself. */
  #excused = 0;
  #generation = 1;
  #lastEntryId = 0;
  #lastLeaseId = 0;
  #suspended = false;
  /** Set while waiters are being answered: what comes back meanwhile joins the loop instead of a deeper call. */
  #serving = false;
  /** Set while connects are being started, for the same reason. */
  #pulsing = false;
  #ending: Promise<void> | undefined;
  #setEnded: (() => void) | undefined;
  #ended = false;
  readonly #graceTimer: SoonestTimer;

  constructor(parts: ResourcePoolParts<C>) {
    const { name, factory, clock, governor } = parts;
    this.name = name;
    this.clock = clock;
    this.#coarseNow = clock.coarseNow?.bind(clock) ?? (() => clock.now());
    this.meter = new Meter(parts.meanWeight);
    this.observers = new Observers(name);
    this.#parts = parts;
    this.#sites = new AcquireSites(parts.acquireStackEveryMs);
    this.#factory = factory;
    this.#governor = governor;
    this.#limit = parts.limit;
    this.#opener = new Opener(factory, clock, parts.connectTimeoutMs, {
      opened: (entry) => this.#opened(entry),
      openFailed: (entry, error) => this.#openFailed(entry, error),
      lost: (entry, error) => this.doom(entry, 'connection-error', error),
    });
    this.#resetter = new Resetter(clock, parts.resetTimeoutMs, (entry, result) =>
      this.#wasReset(entry, result),
    );
    this.#closer = new Closer(factory, clock, parts.closeTimeoutMs, (entry, reason) =>
      this.#closed(entry, reason),
    );
    this.#waiters = new WaitingRoom(clock, (waiter, now) => this.#expire(waiter, now));
    this.#graceTimer = new SoonestTimer(clock, () => this.#endLeases());
    this.#recheckTimer = new SoonestTimer(clock, () => {
      const now = clock.now();
      governor.rechecked?.(now);
      this.#pulse(now);
    });
  }

  /** Connections in any state. */
  get size(): number {
    return this.#entries.size;
  }
  get connecting(): number {
    return this.#opener.count;
  }
  get idle(): number {
    return this.#idle.length;
  }
  get leased(): number {
    return this.#leased;
  }
  get resetting(): number {
    return this.#resetter.count;
  }
  get probing(): number {
    return this.#probing;
  }
  get closing(): number {
    return this.#closer.count;
  }
  /** Acquires that wait. */
  get waiting(): number {
    return this.#waiters.length;
  }
  /** The acquire that has waited longest. */
  get oldestWaiter(): Waiter<C> | undefined {
    return this.#waiters.head;
  }
  /** The most connections that may exist. The size may be above it after it was lowered, until leases come back. */
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
  /** The connections and their ledgers, the oldest first. To be read, not written. */
  entries(): IterableIterator<Entry<C>> {
    return this.#entries.values();
  }
  /** The idle connections from the coldest to the hottest. */
  idleEntries(): Iterable<Entry<C>> {
    return this.#idle;
  }

  // Acquire.

  /**
   * Takes an idle connection, if there is one that nobody waits for, without a waiter. The caller must tell observers:
   * {@link announce}. Connects nothing.
   *
   * @param entryPoint the public function that was called, where its caller's stack may be taken.
   * @throws PoolClosedError
   */
  tryAcquire(
    label?: string,
    leaseId?: number,
    entryPoint?: (...args: never[]) => unknown,
  ): Entry<C> | undefined {
    if (this.#ending !== undefined) throw this.#closedError();
    if (!this.#mayTakeIdle()) return undefined;
    const now = this.#coarseNow();
    const entry = this.#takeIdle();
    if (entry !== undefined) {
      this.#leaveIdle(now);
      this.#lease(entry, now, 0, label, leaseId);
      if (entryPoint !== undefined) entry.site = this.#sites.take(now, entryPoint);
    }
    return entry;
  }

  /**
   * Tells observers, if any hear of that, that an acquire has begun while its caller is on the stack, and allots the lease its
   * id: for the waiter's `leaseId`, or for {@link tryAcquire}.
   *
   * @param entry the public function that was called: it cuts the pool's own frames off the stack.
   * @returns 0 while nobody listens.
   */
  beginAcquire(label: string | undefined, entry: (...args: never[]) => unknown): number {
    if (!this.observers.hearAcquiring) return 0;
    const leaseId = ++this.#lastLeaseId;
    this.observers.acquiring(leaseId, label, entry);
    return leaseId;
  }

  /** Tells observers of an entry got from {@link tryAcquire}. Free while nobody listens. */
  announce(entry: Entry<C>, waitedMs: number, lease?: object): void {
    if (this.observers.hearsLeases) this.observers.acquired(entry, waitedMs, lease);
  }

  /**
   * Answers the waiter: at once where a connection is idle (or can be made synchronously), else when one comes back or
   * is opened. A connect that this acquire calls for has begun when the call returns.
   *
   * @param entryPoint the public function that was called, where its caller's stack may be taken.
   */
  acquire(waiter: Waiter<C>, timeoutMs?: number, entryPoint?: (...args: never[]) => unknown): void {
    if (this.#ending !== undefined) {
      this.#reject(waiter, this.#closedError(), 0);
      return;
    }
    const now = this.#coarseNow();
    waiter.since = now;
    if (entryPoint !== undefined) waiter.site = this.#sites.take(now, entryPoint);
    if (this.#mayTakeIdle()) {
      const entry = this.#takeIdle();
      if (entry !== undefined) {
        this.#grantFresh(entry, waiter, now);
        return;
      }
    }
    const refusal = this.#governor.refuse?.(now);
    if (refusal !== undefined) {
      this.#reject(waiter, refusal, 0);
      return;
    }
    waiter.ownTimeout = timeoutMs !== undefined;
    const limitMs = timeoutMs ?? this.#parts.acquireTimeoutMs;
    waiter.timeoutMs = limitMs === Number.POSITIVE_INFINITY ? -1 : limitMs;
    this.#waiters.add(waiter, now);
    this.#pulse(now);
  }

  /** Takes a waiter out of the queue and refuses it with `error`. @returns false when it was answered before. */
  cancel(waiter: Waiter<C>, error: Error): boolean {
    if (!waiter.queued) return false;
    this.#waiters.remove(waiter);
    this.meter.acquireAborts++;
    this.observers.rejected(error, this.clock.now() - waiter.since, waiter.leaseId);
    waiter.refused(error);
    return true;
  }

  /** Refuses every acquire that waits now; those refused may ask again at once. */
  rejectAll(error: Error): void {
    const now = this.clock.now();
    for (let left = this.#waiters.length; left > 0; left--) {
      const waiter = this.#waiters.head;
      if (waiter === undefined) return;
      this.#waiters.remove(waiter);
      this.#reject(waiter, error, now - waiter.since);
    }
  }

  // Release.

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
    const now = this.#coarseNow();
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

  /**
   * Takes back a lease whose holder has lost it, and destroys its connection: somebody may still have the connection, and
   * must not share it with its next user. @returns false when no such lease is out.
   */
  reclaim(leaseId: number): boolean {
    if (leaseId === 0) return false;
    for (const entry of this.#entries) {
      if (entry.leaseId !== leaseId) continue;
      void this.discard(entry, leaseId, 'reclaimed');
      return true;
    }
    return false;
  }

  // Connections without users.

  /** Starts connects that no waiter asked for, as far as there is room. @returns how many. */
  open(count: number): number {
    if (this.#ending !== undefined) return 0;
    const now = this.clock.now();
    let started = 0;
    while (started < count && this.#entries.size < this.#limit) {
      started++;
      this.#open(now);
    }
    return started;
  }

  /** Takes an idle connection aside to be examined; it serves nobody until {@link endProbe}. @throws IllegalStateError */
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
    if (reason !== undefined) {
      void this.#closer.close(entry, reason);
      return;
    }
    entry.aliveAt = now;
    // Not a use: it ages on.
    entry.state = 'idle';
    this.#idle.insert(entry);
    if (this.#waiters.length > 0) this.#serve(now);
  }

  /** Closes an idle connection. @throws IllegalStateError when it is not idle. */
  destroyIdle(entry: Entry<C>, reason: DestroyReason): Promise<void> {
    if (entry.state !== 'idle') throw new IllegalStateError(entry.id, entry.state, 'closing');
    this.#idle.remove(entry);
    return this.#closer.close(entry, reason);
  }

  /** A connection is dead, or has to go: closed now where nobody has it, else when it comes back. */
  doom(entry: Entry<C>, reason: DestroyReason, error?: unknown): void {
    const { state } = entry;
    if (state === 'closing' || state === 'closed') return;
    if (reason === 'connection-error') {
      this.#governor.lost?.(entry, state, error, this.clock.now());
    }
    if (state === 'leased') {
      entry.doomed = reason;
      return;
    }
    if (state === 'connecting') {
      const message = 'The connection was lost while it was being opened';
      const cause = error;
      this.#opener.abandon(
        entry,
        new ConnectionLostError(message, { maybeExecuted: false, cause }),
      );
      return;
    }
    if (state === 'idle') this.#idle.remove(entry);
    else if (state === 'probing') this.#probing--;
    else this.#resetter.leave(entry);
    void this.#closer.close(entry, reason);
  }

  /** Outdates every connection there is: none of them is handed out again. @returns the new generation. */
  bumpGeneration(): number {
    return ++this.#generation;
  }

  // Size and time.

  /** Changes the limit. Idle connections above a lowered one are closed now, leased ones when they come back. */
  setLimit(limit: number, reason: DestroyReason = 'shrink'): void {
    const before = this.#limit;
    this.#limit = limit;
    if (limit > before) {
      this.#pulse(this.clock.now());
      return;
    }
    this.#excused = Math.max(this.#excused, this.#entries.size);
    while (this.#entries.size - this.#closer.count > limit) {
      const coldest = this.#idle.coldest;
      if (coldest === undefined) break;
      void this.destroyIdle(coldest, reason);
    }
  }

  /** Has the governor asked for demand again after `ms`, at the latest. */
  recheckIn(ms: number): void {
    if (this.#ending !== undefined) return;
    const now = this.clock.now();
    this.#recheckTimer.arm(now + ms, now);
  }

  /** Has the governor asked for demand now. */
  pulse(): void {
    this.#pulse(this.clock.now());
  }

  /** Hands nothing out until {@link resume}; acquires wait. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    const now = this.clock.now();
    this.#serve(now);
    this.#pulse(now);
  }

  /**
   * Closes the pool: waiters are refused at once, idle connections closed, leased ones closed when they come back and
   * at the latest after `graceMs`. A second call returns the same promise; it may bring the end of the grace forward.
   */
  end(graceMs: number): Promise<void> {
    const now = this.clock.now();
    this.#ending ??= this.#beginEnd();
    if (graceMs <= 0) this.#endLeases();
    else if (!this.#ended && graceMs < Number.POSITIVE_INFINITY) {
      this.#graceTimer.arm(now + graceMs, now);
    }
    return this.#ending;
  }

  #beginEnd(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#setEnded = resolve;
    });
    this.#ending = ended;
    this.#recheckTimer.cancel();
    const error = this.#closedError();
    this.rejectAll(error);
    this.#waiters.close();
    for (const entry of [...this.#entries]) {
      if (entry.state === 'connecting') this.#opener.abandon(entry, error);
      else if (entry.state !== 'leased' && entry.state !== 'resetting') this.doom(entry, 'closing');
    }
    this.#endIfEmpty();
    return ended;
  }

  /** The grace is over: what is still out is closed under its holder. */
  #endLeases(): void {
    const now = this.clock.now();
    for (const entry of [...this.#entries]) {
      if (entry.state !== 'leased') {
        this.doom(entry, 'closing');
        continue;
      }
      this.#endLease(entry, now);
      void this.#discardLeased(entry, 'closing', now);
    }
  }

  #endIfEmpty(): void {
    if (this.#ending === undefined || this.#ended || this.#entries.size > 0) return;
    this.#ended = true;
    this.#graceTimer.cancel();
    this.observers.tell('closed', undefined);
    this.#setEnded?.();
  }

  // Handing out.

  /** Whoever waits goes first. */
  #mayTakeIdle(): boolean {
    return this.#idle.length > 0 && this.#waiters.length === 0 && !this.#suspended;
  }

  /** The hottest idle connection that may be handed out; others found on the way are closed. */
  #takeIdle(): Entry<C> | undefined {
    for (;;) {
      const entry = this.#idle.pop();
      if (entry === undefined) return undefined;
      if (entry.generation !== this.#generation) void this.#closer.close(entry, 'outdated');
      else if (!this.#usable(entry)) void this.#closer.close(entry, 'connection-error');
      else return entry;
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

  #lease(
    entry: Entry<C>,
    now: number,
    waitedMs: number,
    label: string | undefined,
    leaseId: number | undefined,
  ): void {
    entry.state = 'leased';
    // 0 is none: nobody asked for one beforehand.
    entry.leaseId = leaseId || ++this.#lastLeaseId;
    entry.leasedAt = now;
    entry.label = label;
    this.meter.granted(waitedMs);
  }

  /** To a waiter that is in no queue, a connection that is in no state but counted as leased. */
  #grant(entry: Entry<C>, waiter: Waiter<C>, now: number): void {
    const waitedMs = now - waiter.since;
    this.#lease(entry, now, waitedMs, waiter.label, waiter.leaseId);
    entry.site = waiter.site;
    const lease = waiter.granted(entry, waitedMs);
    if (this.observers.hearsLeases && !waiter.announces) {
      this.announce(entry, waitedMs, lease ?? undefined);
    }
  }

  /** The same for a connection that was not leased before. */
  #grantFresh(entry: Entry<C>, waiter: Waiter<C>, now: number): void {
    this.#leaveIdle(now);
    this.#grant(entry, waiter, now);
  }

  #leaveIdle(now: number): void {
    this.meter.leaseBegan(now);
    if (++this.#leased === 1) this.#governor.stirred?.(now);
  }

  /** A connection that nobody has, in no state: to the first waiter, else to the stack. */
  #offer(entry: Entry<C>, now: number): void {
    entry.state = 'idle';
    entry.idleSince = now;
    this.#idle.push(entry);
    if (this.#waiters.length > 0) this.#serve(now);
  }

  /** Idle connections to waiters, until one of both runs out. */
  #serve(now: number): void {
    if (this.#serving || this.#suspended) return;
    this.#serving = true;
    while (this.#waiters.length > 0 && this.#idle.length > 0) {
      const entry = this.#takeIdle();
      if (entry === undefined) break;
      const waiter = this.#waiters.head;
      if (waiter === undefined) {
        // It left while an unusable connection was being closed.
        entry.state = 'idle';
        this.#idle.push(entry);
        break;
      }
      this.#waiters.remove(waiter);
      this.#grantFresh(entry, waiter, now);
    }
    this.#serving = false;
  }

  #reject(waiter: Waiter<C>, error: Error, waitedMs: number): void {
    this.meter.acquireRejections++;
    this.observers.rejected(error, waitedMs, waiter.leaseId);
    waiter.refused(error);
  }

  /** A waiter's time is up. */
  #expire(waiter: Waiter<C>, now: number): void {
    // Asked while it still stands in the queue: the error says how things stood.
    const error = this.#governor.timedOut(waiter, now);
    this.#waiters.remove(waiter);
    this.meter.acquireTimeouts++;
    this.#sites.alert(now);
    this.observers.rejected(error, now - waiter.since, waiter.leaseId);
    waiter.refused(error);
  }

  // Coming back.

  #endLease(entry: Entry<C>, now: number): void {
    const { leaseId, leasedAt } = entry;
    const heldMs = now - leasedAt;
    entry.leaseId = 0;
    entry.label = undefined;
    entry.site = undefined;
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
    if (this.#entries.size - this.#closer.count > this.#limit) return 'shrink';
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
    return this.#closer.close(entry, reason);
  }

  /** The lease is over and the connection is kept: hand it on, at once where it is clean. */
  #resetAndOffer(entry: Entry<C>, now: number): Promise<void> | undefined {
    const factory = this.#factory;
    if (factory.reset !== undefined) {
      let result: Promise<ResetResult> | ResetResult;
      try {
        result = factory.reset(entry.connection as C);
      } catch {
        result = 'reset-failed';
      }
      if (result !== undefined) {
        if (typeof result === 'string') return this.#discardLeased(entry, result, now);
        this.#leased--;
        this.meter.leaseEnded(now);
        return this.#resetter.follow(entry, result);
      }
    }
    entry.aliveAt = now;
    const waiter = this.#waiters.head;
    if (waiter !== undefined && !this.#serving && !this.#suspended) {
      // From user to user: it stays leased, only the lease is another.
      this.#waiters.remove(waiter);
      this.#serving = true;
      this.#grant(entry, waiter, now);
      this.#serving = false;
      // Callers that gave back what they had within the call put it on the stack.
      if (this.#idle.length > 0 && this.#waiters.length > 0) this.#serve(now);
      return undefined;
    }
    this.#leased--;
    this.meter.leaseEnded(now);
    this.#offer(entry, now);
    return undefined;
  }

  #wasReset(entry: Entry<C>, result: ResetResult): Promise<void> | undefined {
    const now = this.clock.now();
    const reason = typeof result === 'string' ? result : this.#whyNotKept(entry, now);
    if (reason !== undefined) return this.#closer.close(entry, reason);
    entry.aliveAt = now;
    this.#offer(entry, now);
    return undefined;
  }

  // Opening and closing.

  /** Opens what the governor wants for the waiters there are. Called after anything that may have changed that. */
  #pulse(now: number): void {
    if (this.#waiters.length === 0 || this.#pulsing) return;
    if (this.#ending !== undefined || this.#suspended) return;
    if (this.#idle.length > 0) this.#serve(now);
    this.#pulsing = true;
    while (
      this.#waiters.length > 0 &&
      this.#entries.size < this.#limit &&
      this.#governor.wantsConnect(now)
    ) {
      this.#open(now);
    }
    this.#pulsing = false;
    if (
      this.#waiters.length > 0 &&
      this.#entries.size < this.#limit &&
      this.#opener.count === 0 &&
      !this.#recheckTimer.armed
    ) {
      this.recheckIn(WATCHDOG_MS);
    }
  }

  #open(now: number): void {
    const entry = new Entry<C>(++this.#lastEntryId, this.#generation, now);
    this.#entries.add(entry);
    this.#opener.open(entry);
  }

  #opened(entry: Entry<C>): void {
    const now = this.clock.now();
    if (!this.#usable(entry)) {
      // Taken for opened, it would be closed at its first use and the next one opened at once, without end.
      const lost = new ConnectionLostError(OPENED_IN_VAIN, { maybeExecuted: false });
      void this.#closer.close(entry, 'connection-error');
      this.#connectFailed(lost, entry.createdAt, now);
      return;
    }
    const tookMs = now - entry.createdAt;
    entry.createdAt = now;
    entry.aliveAt = now;
    this.meter.connected(tookMs);
    this.#governor.connected?.(entry, tookMs, now);
    this.observers.tell('created', { connectionId: entry.id, tookMs });
    if (entry.generation !== this.#generation) void this.#closer.close(entry, 'outdated');
    else if (this.#entries.size - this.#closer.count > this.#limit) {
      void this.#closer.close(entry, 'shrink');
    } else this.#offer(entry, now);
    this.#pulse(now);
  }

  #openFailed(entry: Entry<C>, error: unknown): void {
    this.#forget(entry);
    this.#connectFailed(error, entry.createdAt, this.clock.now());
    this.#endIfEmpty();
  }

  #connectFailed(error: unknown, startedAt: number, now: number): void {
    this.meter.createFailures++;
    if (this.#ending !== undefined) return;
    const verdict = this.#governor.connectFailed?.(error, startedAt, now) ?? 'reject-one';
    if (verdict !== 'wait') this.#rejectFor(verdict, error, now);
    this.#pulse(now);
  }

  #rejectFor(verdict: 'reject-one' | 'reject-all', error: unknown, now: number): void {
    const told = this.#governor.connectError?.(error) ?? asError(error);
    if (verdict === 'reject-all') {
      this.rejectAll(told);
      return;
    }
    const waiter = this.#waiters.head;
    if (waiter === undefined) return;
    this.#waiters.remove(waiter);
    this.#reject(waiter, told, now - waiter.since);
  }

  #closed(entry: Entry<C>, reason: DestroyReason): void {
    const now = this.clock.now();
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

  /** How many connections are in each state. */
  counts(): Record<ConnectionState, number> {
    return {
      connecting: this.#opener.count,
      idle: this.#idle.length,
      leased: this.#leased,
      resetting: this.#resetter.count,
      probing: this.#probing,
      closing: this.#closer.count,
    };
  }

  /** For tests: recounts everything, O(n). @throws Error naming every broken rule. */
  assertInvariants(): void {
    checkInvariants({
      name: this.name,
      counts: this.counts(),
      entries: this.#entries,
      idle: this.#idle,
      limit: this.#limit,
      excused: this.#excused,
      waiting: this.#waiters.length,
      suspended: this.#suspended,
      ending: this.#ending !== undefined,
      recheckArmed: this.#recheckTimer.armed,
    });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
