/**
 * Watches the leases of attached pools: finds those that nobody can give back any more, and gives them back.
 *
 * @module
 */
import type {
  AcquiredEvent,
  EvictablePool,
  ObservablePool,
  PoolObserver,
} from '@fynlo/pool-core/contract';
import { type CapturedSite, SiteSampler } from './acquire_site.ts';
import { LeakBook } from './leak_book.ts';
import { LeaseLedger, type LeaseRecord } from './lease_ledger.ts';
import type { ResolvedOptions } from './options.ts';
import { decideProbe } from './probe_policy.ts';
import type { HeldLease, LeakedLease, LeakGuardEvents, Origin, ReclaimOutcome } from './report.ts';
import type { ProbeResult } from './soft_probe.ts';
import { StallBudget } from './stall_budget.ts';
import type { TypedEvents } from './typed_events.ts';
import { judgeLease, type LeaseVerdict } from './verdict_policy.ts';

/** A pool the guard can watch; with `reclaim` it can also act. */
export type GuardedPool = ObservablePool & Partial<EvictablePool>;

/** Told within the acquire call, while the caller's frames are on the stack; a pool without it leaves leases unnamed. */
export interface AcquiringEvent {
  /** The id that `acquired` and `released` will carry. */
  readonly leaseId: number;
  readonly label?: string;
  /** The public function that was called: its frames and those below are none of the user's. */
  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace asks for exactly this
  readonly entry?: Function;
}

/** A pool's observer that is also told when an acquire begins. */
export interface LeaseObserver extends PoolObserver {
  acquiring?(event: AcquiringEvent): void;
}

/** An acquire that never ends must not be remembered for ever. */
const MOST_PENDING_SITES = 10_000;
/** A suspect that no probe could look into is announced as held after this. */
const PATIENCE_MS = 5_000;

interface Attachment {
  readonly name: string;
  readonly pool: GuardedPool;
  readonly ledger: LeaseLedger;
  readonly pending: Map<number, CapturedSite>;
  readonly reclaiming: Map<number, { readonly record: LeaseRecord; leak: LeakedLease }>;
  acquires: number;
  unobserve: (() => void) | undefined;
}

interface Collected {
  readonly attachment: Attachment;
  readonly record: LeaseRecord;
}

export interface LeaseGuardDependencies {
  readonly options: ResolvedOptions;
  readonly events: TypedEvents<LeakGuardEvents>;
  /** Brings a major collection about. */
  probe(): Promise<ProbeResult>;
  /** Event loop utilisation since the last call, 0..1. */
  utilization(): number;
}

/** The ledgers, their sweep, the finalisation registry and the probes. */
export class LeaseGuard {
  readonly #options: ResolvedOptions;
  readonly #events: TypedEvents<LeakGuardEvents>;
  readonly #deps: LeaseGuardDependencies;
  readonly #sampler: SiteSampler;
  readonly #attachments = new Set<Attachment>();
  readonly #book = new LeakBook<LeakedLease>();
  readonly #registry = new FinalizationRegistry<Collected>((lost) => this.#collected(lost));
  readonly #stalls: StallBudget;
  /**
   * Guard time: advances with each sweep, by at most two intervals. An acquire reads it for free, and a loop that stood
   * still (or a machine that slept) does not make a lease look old.
   */
  #now = 0;
  #lastSweep: number | undefined;
  #timer: { cancel(): void } | undefined;
  #probing: Promise<ProbeResult> | undefined;
  #lastProbeAt = Number.NEGATIVE_INFINITY;
  reclaimed = 0;

  constructor(deps: LeaseGuardDependencies) {
    this.#deps = deps;
    this.#options = deps.options;
    this.#events = deps.events;
    this.#sampler = new SiteSampler(deps.options.level, deps.options.stackFrames);
    this.#stalls = new StallBudget(60_000);
  }

  /** The sampler, which tracked objects share. */
  get sampler(): SiteSampler {
    return this.#sampler;
  }

  get openLeases(): number {
    return sum(this.#attachments, (a) => a.ledger.size);
  }

  get leakedLeases(): number {
    return this.#book.total;
  }

  /** Acquires since the last call, over all pools: the load that may explain growth. */
  takeAcquires(): number {
    const total = sum(this.#attachments, (a) => a.acquires);
    for (const attachment of this.#attachments) attachment.acquires = 0;
    return total;
  }

  get attached(): number {
    return this.#attachments.size;
  }

  attach(pool: GuardedPool, name: string): () => void {
    const attachment: Attachment = {
      name,
      pool,
      ledger: new LeaseLedger(),
      pending: new Map(),
      reclaiming: new Map(),
      acquires: 0,
      unobserve: undefined,
    };
    this.#attachments.add(attachment);
    this.#observe(attachment);
    return () => {
      this.#attachments.delete(attachment);
      this.#unobserve(attachment);
    };
  }

  start(): void {
    if (this.#timer !== undefined) return;
    for (const attachment of this.#attachments) this.#observe(attachment);
    this.#lastSweep = this.#options.clock.now();
    this.#schedule();
  }

  /** Leaves nothing behind: no timer, no observer, no registration. The pools stay attached for a later `start()`. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const attachment of this.#attachments) this.#unobserve(attachment);
  }

  /** Arms every lease now, so that a probe can tell of the youngest as well. */
  arm(): void {
    for (const attachment of this.#attachments) {
      for (const record of attachment.ledger.records()) this.#arm(attachment, record);
    }
  }

  /** One probe at a time. A caller who comes during one gets one of its own after it: it may know of newer losses. */
  async probe(run: () => Promise<ProbeResult> = this.#deps.probe): Promise<ProbeResult> {
    while (this.#probing !== undefined) await this.#probing.catch(() => undefined);
    this.#probing = this.#probe(run).finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  async #probe(run: () => Promise<ProbeResult>): Promise<ProbeResult> {
    // Only what was armed before can be told of by it.
    const asked = [...this.#all()].filter(
      ({ record }) => record.armed && record.leak === undefined,
    );
    const result = await run();
    this.#lastProbeAt = this.#options.clock.now();
    this.#stalls.spend(this.#lastProbeAt, result.stallMs);
    if (result.conclusive) {
      for (const { record } of asked)
        if (record.suspectSince !== undefined) record.survivedProbes++;
    }
    return result;
  }

  /** Looks at every open lease once. Called by the timer; tests call it with a clock of their own. */
  sweep(): void {
    const { clock, sweepIntervalMs } = this.#options;
    const now = clock.now();
    this.#now += Math.min(now - (this.#lastSweep ?? now), 2 * sweepIntervalMs);
    this.#lastSweep = now;
    this.#sampler.tick(this.#now);
    let suspects = 0;
    let survivors = 0;
    let survivedProbes = 0;
    let starved = false;
    for (const attachment of this.#attachments) {
      let old = 0;
      for (const record of attachment.ledger.records()) {
        if (!record.armed && this.#now - record.acquiredAt >= sweepIntervalMs)
          this.#arm(attachment, record);
        const verdict = this.#look(attachment, record);
        if (verdict === 'in-use' || verdict === 'leaked') continue;
        old++;
        if (record.survivedProbes === 0 && record.provable) suspects++;
        else if (record.provable) {
          survivors++;
          survivedProbes = Math.max(survivedProbes, record.survivedProbes);
        }
      }
      if (old > 0 && !starved) starved = isStarved(attachment.pool);
    }
    const utilization = this.#deps.utilization();
    if (this.#options.probe === 'off' || this.#probing !== undefined) return;
    const decision = decideProbe({
      now,
      suspects,
      survivors,
      survivedProbes,
      starved,
      lastProbeAt: this.#lastProbeAt,
      stallLastMinuteMs: this.#stalls.spent(now),
      stallBudgetMs: this.#options.probeStallMsPerMinute,
      utilization,
    });
    // Its outcome is read from the records at the next sweep; a probe that fails is tried again then.
    if (decision.probe) this.probe().catch(() => undefined);
  }

  held(): HeldLease[] {
    return [...this.#all()]
      .filter(({ record }) => this.#verdict(record) === 'held' || record.announced)
      .filter(({ record }) => record.leak === undefined)
      .map(({ attachment, record }) => this.#describeHeld(attachment, record));
  }

  leaked(): LeakedLease[] {
    return this.#book.list();
  }

  /** Collected leases that are still out, and could be reclaimed. */
  unreclaimed(): number {
    return [...this.#all()].filter(({ record }) => record.leak !== undefined).length;
  }

  /** Reclaims under way. */
  get reclaiming(): number {
    return sum(this.#attachments, (a) => a.reclaiming.size);
  }

  /** Reclaims what was proven leaked while `reclaim` was off, or while its pool refused. */
  reclaimProven(): void {
    for (const { attachment, record } of [...this.#all()]) {
      if (record.leak !== undefined && !attachment.reclaiming.has(record.leaseId)) {
        this.#reclaim(attachment, record, record.leak);
      }
    }
  }

  *#all(): Generator<Collected> {
    for (const attachment of this.#attachments) {
      for (const record of attachment.ledger.records()) yield { attachment, record };
    }
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#schedule();
      this.sweep();
    }, this.#options.sweepIntervalMs);
  }

  #observe(attachment: Attachment): void {
    if (attachment.unobserve !== undefined) return;
    const sampler = this.#sampler;
    const { ledger, pending } = attachment;
    // The observer must not refer to a lease: it lives as long as the pool.
    const observer: LeaseObserver = {
      tracksLeases: true,
      acquiring: function acquiring(event) {
        if (!sampler.chosen()) return;
        if (pending.size >= MOST_PENDING_SITES) pending.delete(pending.keys().next().value ?? -1);
        pending.set(event.leaseId, sampler.take(event.entry ?? acquiring));
      },
      acquired: (event) => this.#acquired(attachment, event),
      released: (event) => this.#released(attachment, event.leaseId),
      rejected: (event: { readonly code: string; readonly leaseId?: number }) => {
        if (event.leaseId !== undefined) pending.delete(event.leaseId);
      },
      destroyed: (event) => {
        for (const [leaseId, { record }] of attachment.reclaiming) {
          if (record.connectionId === event.connectionId)
            this.#reclaimEnded(attachment, leaseId, 'destroyed');
        }
        const record = ledger.size > 0 ? ledger.findByConnection(event.connectionId) : undefined;
        if (record !== undefined) this.#released(attachment, record.leaseId);
      },
    };
    attachment.unobserve = attachment.pool.observe(observer);
  }

  #unobserve(attachment: Attachment): void {
    attachment.unobserve?.();
    attachment.unobserve = undefined;
    for (const record of [...attachment.ledger.records()]) {
      this.#registry.unregister(record);
      attachment.ledger.close(record.leaseId);
    }
    attachment.pending.clear();
    attachment.reclaiming.clear();
  }

  #acquired(attachment: Attachment, event: AcquiredEvent): void {
    const { ledger, pending } = attachment;
    attachment.acquires++;
    const { leaseId, connectionId, label, lease } = event;
    const captured = pending.size > 0 ? pending.get(leaseId) : undefined;
    if (captured !== undefined) pending.delete(leaseId);
    ledger.open({
      pool: attachment.name,
      leaseId,
      connectionId,
      label,
      acquiredAt: this.#now,
      captured,
      site: undefined,
      lease,
      provable: lease !== undefined,
      armed: lease === undefined,
      leak: undefined,
      suspectSince: undefined,
      survivedProbes: 0,
      announced: false,
    });
  }

  #released(attachment: Attachment, leaseId: number): void {
    const record = attachment.ledger.close(leaseId);
    if (record === undefined) return;
    if (record.armed && record.provable) this.#registry.unregister(record);
    if (record.announced && record.leak === undefined) {
      this.#events.emit('returned', this.#describeHeld(attachment, record));
    }
    // A pool that destroys tells so in the same tick; what has not been destroyed by then has been returned.
    if (attachment.reclaiming.has(leaseId)) {
      setImmediate(() => this.#reclaimEnded(attachment, leaseId, 'returned'));
    }
  }

  /**
   * Lazy arming: nine of ten leases never live to see it, and registering all of them costs 8–12 % of a `select 1`.
   * From here on nothing of ours refers to the lease.
   */
  #arm(attachment: Attachment, record: LeaseRecord): void {
    if (record.captured !== undefined) {
      record.site = this.#sampler.read(record.captured);
      record.captured = undefined;
    }
    if (record.armed || record.lease === undefined) return;
    record.armed = true;
    this.#registry.register(record.lease, { attachment, record }, record);
    record.lease = undefined;
  }

  #look(attachment: Attachment, record: LeaseRecord): LeaseVerdict {
    const verdict = this.#verdict(record);
    if (verdict === 'suspect' || verdict === 'held') {
      record.suspectSince ??= this.#now;
      this.#sampler.escalate(this.#now);
    }
    if (verdict === 'held' && !record.announced) {
      record.announced = true;
      this.#events.emit('held', this.#describeHeld(attachment, record));
    }
    return verdict;
  }

  #verdict(record: LeaseRecord): LeaseVerdict {
    return judgeLease({
      heldMs: this.#now - record.acquiredAt,
      thresholdMs: this.#options.leakDetectionThresholdMs,
      collected: record.leak !== undefined,
      provable: record.provable && this.#options.probe !== 'off',
      survivedProbes: record.survivedProbes,
      suspectMs: record.suspectSince === undefined ? 0 : this.#now - record.suspectSince,
      patienceMs: PATIENCE_MS,
    });
  }

  #collected({ attachment, record }: Collected): void {
    if (attachment.ledger.get(record.leaseId) !== record || record.leak !== undefined) return;
    this.#sampler.escalate(this.#now);
    const place = `${record.pool} ${record.site?.at ?? record.label ?? ''}`;
    const willReclaim = this.#options.reclaim === 'proven' && attachment.pool.reclaim !== undefined;
    const leak = this.#book.enter(place, (occurrences) =>
      this.#describeLeak(record, occurrences, willReclaim ? 'pending' : 'none'),
    );
    record.leak = leak;
    this.#events.emit('leak', leak);
    if (willReclaim) this.#reclaim(attachment, record, leak);
  }

  #reclaim(attachment: Attachment, record: LeaseRecord, leak: LeakedLease): void {
    attachment.reclaiming.set(record.leaseId, { record, leak });
    const reason = `leaked: acquired at ${record.site?.at ?? 'an unsampled place'}, unreachable`;
    const accepted = attachment.pool.reclaim?.(record.leaseId, reason) ?? false;
    if (!accepted) attachment.reclaiming.delete(record.leaseId);
  }

  #reclaimEnded(attachment: Attachment, leaseId: number, outcome: ReclaimOutcome): void {
    const ended = attachment.reclaiming.get(leaseId);
    if (ended === undefined) return;
    attachment.reclaiming.delete(leaseId);
    this.reclaimed++;
    const later = { ...ended.leak, reclaim: outcome };
    this.#book.amend(ended.leak, later);
    this.#events.emit('reclaimed', later);
  }

  #describeHeld(attachment: Attachment, record: LeaseRecord): HeldLease {
    return {
      pool: attachment.name,
      leaseId: record.leaseId,
      connectionId: record.connectionId,
      ...origin(record),
      heldMs: this.#now - record.acquiredAt,
      proven: record.survivedProbes > 0,
    };
  }

  #describeLeak(record: LeaseRecord, occurrences: number, reclaim: ReclaimOutcome): LeakedLease {
    return {
      type: 'lease',
      pool: record.pool,
      leaseId: record.leaseId,
      connectionId: record.connectionId,
      ...origin(record),
      heldMs: this.#now - record.acquiredAt,
      detectedAt: this.#options.clock.wallNow(),
      occurrences,
      reclaim,
    };
  }
}

function origin(record: LeaseRecord): Origin {
  return { site: record.site?.at, stack: record.site?.stack ?? [], label: record.label };
}

function isStarved(pool: ObservablePool): boolean {
  const { waiting, idle } = pool.stats();
  return waiting > 0 && idle === 0;
}

function sum<T>(items: Iterable<T>, of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
