/**
 * Watches the leases of attached pools: finds those that nobody can give back any more, and gives them back.
 *
 * @module
 */

import { LeakBook } from './_leak_book.ts';
import type { LeaseRecord } from './_lease_ledger.ts';
import { describeHeld, describeLease } from './_lease_words.ts';
import { decideProbe } from './_probe_policy.ts';
import { StallBudget } from './_stall_budget.ts';
import type { TypedEvents } from './_typed_events.ts';
import { judgeLease, type LeaseVerdict } from './_verdict_policy.ts';
import { SiteSampler } from './acquire_site.ts';
import type { ResolvedOptions } from './options.ts';
import { type AttachmentListener, type GuardedPool, PoolAttachment } from './pool_attachment.ts';
import type { HeldLease, LeakedLease, LeakGuardEvents, ReclaimOutcome } from './report.ts';
import type { ProbeResult } from './soft_probe.ts';

export interface LeaseGuardDependencies {
  readonly options: ResolvedOptions;
  readonly events: TypedEvents<LeakGuardEvents>;
  /** Brings a major collection about. */
  probe(): Promise<ProbeResult>;
  /** Event loop utilisation since the last call, 0..1. */
  utilization(): number;
  /** Called at each sweep. */
  swept(): void;
}

interface Watched {
  readonly attachment: PoolAttachment;
  readonly record: LeaseRecord;
}

/** Leases beyond the threshold, as one sweep finds them. */
interface Census {
  suspects: number;
  survivors: number;
  survivedProbes: number;
  starved: boolean;
}

/** A suspect that no probe could look into is announced as held after this. */
const PATIENCE_MS = 5_000;

/** The sweep over all ledgers, the finalisation registry and the probes. */
export class LeaseGuard {
  readonly sampler: SiteSampler;
  readonly #deps: LeaseGuardDependencies;
  readonly #options: ResolvedOptions;
  readonly #attachments = new Set<PoolAttachment>();
  readonly #listener: AttachmentListener;
  readonly #book = new LeakBook<LeakedLease>();
  readonly #registry = new FinalizationRegistry<Watched>((lost) => this.#collected(lost));
  readonly #stalls = new StallBudget(60_000);
  /**
   * Guard time: advances with each sweep, by at most two intervals. An acquire reads it for free, and a loop that stood
   * still (or a machine that slept) does not make a lease look old.
   */
  #now = 0;
  #lastSweep: number | undefined;
  #timer: { cancel(): void } | undefined;
  #probing: Promise<ProbeResult> | undefined;
  #lastProbeAt = Number.NEGATIVE_INFINITY;
  #reclaimed = 0;

  constructor(deps: LeaseGuardDependencies) {
    this.#deps = deps;
    this.#options = deps.options;
    this.sampler = new SiteSampler(deps.options.level, deps.options.stackFrames);
    this.#listener = {
      sampler: this.sampler,
      clock: deps.options.clock,
      now: () => this.#now,
      closed: (record) => this.#closed(record),
      reclaimed: (leak, outcome) => this.#reclaimEnded(leak, outcome),
    };
  }

  get attached(): number {
    return this.#attachments.size;
  }

  get openLeases(): number {
    return sum(this.#attachments, ({ ledger }) => ledger.size);
  }

  get leakedLeases(): number {
    return this.#book.total;
  }

  /** Leaked leases that their pools have taken back. */
  get reclaimedLeases(): number {
    return this.#reclaimed;
  }

  /** Reclaims under way. */
  get reclaiming(): number {
    return sum(this.#attachments, (attachment) => attachment.reclaiming);
  }

  /** Leaked leases that are still out. */
  get unreclaimed(): number {
    return [...this.#all()].filter(({ record }) => record.leak !== undefined).length;
  }

  /** Acquires since the last call, over all pools: the load that may explain growth. */
  takeAcquires(): number {
    return sum(this.#attachments, (attachment) => attachment.takeAcquires());
  }

  attach(pool: GuardedPool, name: string): () => void {
    const attachment = new PoolAttachment(pool, name, this.#listener);
    this.#attachments.add(attachment);
    attachment.observe();
    return () => {
      this.#attachments.delete(attachment);
      this.#forget(attachment);
    };
  }

  start(): void {
    if (this.#timer !== undefined) return;
    for (const attachment of this.#attachments) attachment.observe();
    this.#lastSweep = this.#options.clock.now();
    this.#schedule();
  }

  /** Leaves no timer, observer or registration behind. The pools stay attached for a later `start()`. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const attachment of this.#attachments) this.#forget(attachment);
  }

  /** Arms every lease now, so that a probe can tell of the youngest as well. */
  arm(): void {
    for (const watched of this.#all()) this.#arm(watched);
  }

  /** One probe at a time. A caller who comes during one gets one of its own after it: it may know of newer losses. */
  async probe(run: () => Promise<ProbeResult> = this.#deps.probe): Promise<ProbeResult> {
    while (this.#probing !== undefined) await this.#probing.catch(() => undefined);
    this.#probing = this.#probe(run).finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  /** Looks at every open lease once. Called by the timer; tests call it with a clock of their own. */
  sweep(): void {
    const { clock, sweepIntervalMs, probe, probeStallMsPerMinute } = this.#options;
    const now = clock.now();
    this.#now += Math.min(now - (this.#lastSweep ?? now), 2 * sweepIntervalMs);
    this.#lastSweep = now;
    this.sampler.tick(this.#now);
    this.#deps.swept();
    const census = this.#takeCensus();
    const utilization = this.#deps.utilization();
    if (probe === 'off' || this.#probing !== undefined) return;
    const decision = decideProbe({
      now,
      ...census,
      utilization,
      lastProbeAt: this.#lastProbeAt,
      stallLastMinuteMs: this.#stalls.spent(now),
      stallBudgetMs: probeStallMsPerMinute,
    });
    // What it brought is read from the records at the next sweep; one that fails is tried again then.
    if (decision.probe) this.probe().catch(() => undefined);
  }

  held(): HeldLease[] {
    return [...this.#all()]
      .filter(({ record }) => record.announced && record.leak === undefined)
      .map(({ record }) => describeHeld(record, this.#now));
  }

  leaked(): LeakedLease[] {
    return this.#book.list();
  }

  /** Reclaims what was proven leaked while `reclaim` was off, or while its pool refused. */
  reclaimProven(): void {
    for (const { attachment, record } of [...this.#all()]) {
      if (record.leak !== undefined) attachment.reclaim(record, record.leak);
    }
  }

  *#all(): Generator<Watched> {
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

  #forget(attachment: PoolAttachment): void {
    for (const record of attachment.unobserve()) this.#registry.unregister(record);
  }

  #closed(record: LeaseRecord): void {
    this.#registry.unregister(record);
    if (record.announced && record.leak === undefined) {
      this.#deps.events.emit('returned', describeHeld(record, this.#now));
    }
  }

  #takeCensus(): Census {
    const census: Census = { suspects: 0, survivors: 0, survivedProbes: 0, starved: false };
    for (const attachment of this.#attachments) {
      let old = 0;
      for (const record of attachment.ledger.records()) {
        const age = this.#now - record.acquiredAt;
        if (!record.armed && age >= this.#options.sweepIntervalMs)
          this.#arm({ attachment, record });
        const verdict = this.#look(record);
        if (verdict === 'in-use' || verdict === 'leaked') continue;
        old++;
        if (!record.provable) continue;
        if (record.survivedProbes === 0) census.suspects++;
        else census.survivors++;
        census.survivedProbes = Math.max(census.survivedProbes, record.survivedProbes);
      }
      census.starved ||= old > 0 && isStarved(attachment.pool);
    }
    return census;
  }

  /**
   * Lazy arming: most leases are released before it, and registering every one costs 8–12 % of a `select 1`.
   * From here on nothing of ours refers to the lease.
   */
  #arm({ attachment, record }: Watched): void {
    if (record.armed) return;
    record.armed = true;
    record.site = this.sampler.read(record.captured);
    record.captured = undefined;
    if (record.lease === undefined) return;
    this.#registry.register(record.lease, { attachment, record }, record);
    record.lease = undefined;
  }

  #look(record: LeaseRecord): LeaseVerdict {
    const verdict = judgeLease({
      heldMs: this.#now - record.acquiredAt,
      thresholdMs: this.#options.leakDetectionThresholdMs,
      collected: record.leak !== undefined,
      provable: record.provable && this.#options.probe !== 'off',
      survivedProbes: record.survivedProbes,
      suspectMs: this.#now - (record.suspectSince ?? this.#now),
      patienceMs: PATIENCE_MS,
    });
    if (verdict === 'suspect' || verdict === 'held') {
      record.suspectSince ??= this.#now;
      this.sampler.escalate(this.#now);
    }
    if (verdict === 'held' && !record.announced) {
      record.announced = true;
      this.#deps.events.emit('held', describeHeld(record, this.#now));
    }
    return verdict;
  }

  async #probe(run: () => Promise<ProbeResult>): Promise<ProbeResult> {
    // Only leases that were armed before can be told of by it, and only suspects are counted as having survived it.
    const asked = [...this.#all()].filter(
      ({ record }) => record.armed && record.suspectSince !== undefined,
    );
    const result = await run();
    this.#lastProbeAt = this.#options.clock.now();
    this.#stalls.spend(this.#lastProbeAt, result.stallMs);
    if (result.conclusive) for (const { record } of asked) record.survivedProbes++;
    return result;
  }

  /** The collector's word: nobody can reach the lease. */
  #collected({ attachment, record }: Watched): void {
    if (!record.open || record.leak !== undefined) return;
    this.sampler.escalate(this.#now);
    const take = this.#options.reclaim === 'proven' && attachment.pool.reclaim !== undefined;
    const place = `${record.pool} ${record.site?.at ?? record.label ?? ''}`;
    const leak = this.#book.enter(place, (occurrences) => ({
      type: 'lease',
      ...describeLease(record, this.#now),
      detectedAt: this.#options.clock.wallNow(),
      occurrences,
      reclaim: take ? 'pending' : 'none',
    }));
    record.leak = leak;
    this.#deps.events.emit('leak', leak);
    if (take) attachment.reclaim(record, leak);
  }

  #reclaimEnded(leak: LeakedLease, outcome: ReclaimOutcome): void {
    this.#reclaimed++;
    const later = { ...leak, reclaim: outcome };
    this.#book.amend(leak, later);
    this.#deps.events.emit('reclaimed', later);
  }
}

function isStarved(pool: GuardedPool): boolean {
  const { waiting, idle } = pool.stats();
  return waiting > 0 && idle === 0;
}

function sum<T>(items: Iterable<T>, of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
