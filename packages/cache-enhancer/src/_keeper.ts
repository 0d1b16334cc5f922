import type { Coherence } from './_coherence.ts';
import type { Envelope } from './_envelope.ts';
import type { InvalidationLog } from './_invalidation_log.ts';
import type { LocalStore } from './_local_store.ts';
import { earlyRefreshMs } from './_ttl_policy.ts';
import { valueSize } from './_value_size.ts';
import type { Recorder } from './metrics.ts';
import type { ResolvedOptions } from './options.ts';

export interface Kept {
  key: string;
  value: unknown;
  envelope: Pick<Envelope, 'version' | 'freshUntilMs' | 'graceMs' | 'loadMs'>;
  tags: readonly string[];
  /** When it was last known to be what Redis (or the database) says; the clock's `now`. */
  trueAt: number;
  /** From `InvalidationLog.begin()`: the moment from which an invalidation makes it unfit to be kept. */
  since: number;
}

/** Puts values into the in-process level: only what no invalidation touched on its way, and with the right to be believed. */
export class Keeper {
  readonly #options: ResolvedOptions;
  readonly #local: LocalStore;
  readonly #log: InvalidationLog;
  readonly #coherence: Coherence;
  readonly #recorder: Recorder;

  constructor(
    options: ResolvedOptions,
    local: LocalStore,
    log: InvalidationLog,
    coherence: Coherence,
    recorder: Recorder,
  ) {
    this.#options = options;
    this.#local = local;
    this.#log = log;
    this.#coherence = coherence;
    this.#recorder = recorder;
  }

  keep(kept: Kept): void {
    if (this.#options.maxLocalBytes === 0) return;
    const { key, envelope, since, tags } = kept;
    if (
      this.#log.touchedSince(since, `k:${key}`) ||
      tags.some((tag) => this.#log.touchedSince(since, `t:${tag}`))
    ) {
      this.#recorder.readsPoisoned++;
      return;
    }
    const { clock, random, earlyRefreshBeta, maxStalenessMs } = this.#options;
    const now = clock.now();
    // Another node's clock wrote freshUntilMs; PX in Redis bounds what a clock that is wrong can do.
    const freshUntil = now + Math.max(0, envelope.freshUntilMs - clock.wallNow());
    this.#local.set(
      key,
      {
        value: kept.value,
        version: envelope.version,
        graceMs: envelope.graceMs,
        freshUntil,
        refreshAt: freshUntil - earlyRefreshMs(envelope.loadMs, earlyRefreshBeta, random()),
        staleUntil: freshUntil + envelope.graceMs,
        provenUntil: kept.trueAt + maxStalenessMs,
        quietUntil: 0,
        epoch: this.#coherence.epoch,
        tags,
      },
      valueSize(kept.value),
    );
  }
}
