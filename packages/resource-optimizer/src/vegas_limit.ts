export interface VegasConfig {
  /** Never under this; >= 1. */
  readonly minLimit: number;
  /** Never over this. */
  readonly maxLimit: number;
  readonly initialLimit: number;
  /** A decision is made from at least this much time ... */
  readonly windowMs: number;
  /** ... and at least this many samples. */
  readonly minSamples: number;
  /** Windows between two measurements of the unloaded round trip. */
  readonly probeEvery: number;
}

type Phase =
  | { readonly name: 'running' }
  /** The limit is lowered; counted from `settledAtMs`, when no more were under way than it allows. */
  | { readonly name: 'probing'; readonly resumeAt: number; settledAtMs: number | undefined };

/**
 * A probe runs at this part of the limit. The limit settles where the part of it that a probe still saw queueing, and the few
 * that may queue, add up: a half leaves twice those few, a quarter costs a large server more throughput while it lasts.
 */
const PROBE_PART = 3;

/** Windows of falling limits after which the baseline itself is in doubt (the server has become slower). */
const DOUBT_AFTER = 10;

/**
 * How many operations a server should have under way at once, from their round trips alone: TCP Vegas' queue estimate, as in
 * Netflix's concurrency-limits. `limit * (1 - unloaded / now)` operations are queueing at the server; a few keep it busy,
 * more only wait there. Deterministic: the same samples give the same limit, and time is an argument.
 *
 * Differs from the original where the unloaded round trip is learned. There a probe takes whatever the round trip is then,
 * under load, so the baseline, and the limit with it, creeps up for as long as the overload lasts. Here a probe lowers the
 * limit for one window and measures then (the idea of BBR's ProbeRTT). A minimum of means would fall below any real mean
 * with time and starve a large server, so the baseline follows means.
 *
 * @see https://github.com/Netflix/concurrency-limits
 * @see https://queue.acm.org/detail.cfm?id=3022184
 */
export class VegasLimit {
  readonly #config: VegasConfig;
  #limit: number;
  #maxLimit: number;
  #phase: Phase = { name: 'running' };
  #baseMs: number | undefined;
  #windowStartMs: number | undefined;
  #sumMs = 0;
  #samples = 0;
  #peakInFlight = 0;
  #windows = 0;
  #falling = 0;

  constructor(config: VegasConfig) {
    this.#config = config;
    this.#maxLimit = config.maxLimit;
    this.#limit = this.#clamp(config.initialLimit);
  }

  /** Operations allowed at once; a whole number. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  /** The round trip of an unloaded server, as last measured. */
  get baseMs(): number | undefined {
    return this.#baseMs;
  }

  get maxLimit(): number {
    return this.#maxLimit;
  }

  /** Moves the upper end; a limit over it comes down at once. */
  setMaxLimit(maxLimit: number): void {
    this.#maxLimit = Math.max(this.#config.minLimit, maxLimit);
    this.#limit = this.#clamp(this.#limit);
  }

  /** One operation took `rttMs`, with `inFlight` under way (itself included) when it ended. */
  sample(rttMs: number, inFlight: number, nowMs: number): void {
    if (!(rttMs >= 0) || !Number.isFinite(rttMs)) return;
    if (this.#phase.name === 'probing' && !this.#isOfProbe(this.#phase, rttMs, inFlight, nowMs)) {
      return;
    }
    this.#windowStartMs ??= nowMs;
    this.#sumMs += rttMs;
    this.#samples++;
    if (inFlight > this.#peakInFlight) this.#peakInFlight = inFlight;
    if (nowMs - this.#windowStartMs < this.#config.windowMs) return;
    if (this.#samples < this.#config.minSamples) return;

    const meanMs = this.#sumMs / this.#samples;
    const peak = this.#peakInFlight;
    this.#beginWindow(nowMs);
    if (this.#phase.name === 'probing') {
      this.#baseMs = meanMs;
      this.#limit = this.#clamp(this.#phase.resumeAt);
      this.#phase = { name: 'running' };
      return;
    }
    this.#decide(meanMs, peak);
  }

  /** An operation was lost to overload (a deadline, a refusal by the server). */
  dropped(): void {
    if (this.#phase.name === 'running') this.#limit = this.#clamp(this.#limit * 0.9);
  }

  /** In a probe, only operations begun after the server had settled at the lower limit count. */
  #isOfProbe(
    phase: Extract<Phase, { name: 'probing' }>,
    rttMs: number,
    inFlight: number,
    nowMs: number,
  ): boolean {
    if (phase.settledAtMs === undefined) {
      // The one that ends now leaves, so the server holds one fewer.
      if (inFlight - 1 <= this.limit) phase.settledAtMs = nowMs;
      return false;
    }
    return nowMs - rttMs >= phase.settledAtMs;
  }

  #decide(meanMs: number, peakInFlight: number): void {
    this.#windows++;
    const idle = peakInFlight * 2 < this.#limit;
    if (this.#baseMs === undefined) this.#baseMs = meanMs;
    // Faster than the baseline, or hardly loaded: the baseline is what is measured now, taken in by quarters against noise.
    else if (meanMs < this.#baseMs || idle) this.#baseMs += (meanMs - this.#baseMs) / 4;
    // Unused room is no evidence for more of it.
    if (idle) return;

    const step = Math.max(1, Math.log10(this.#limit));
    const queued = this.#limit * (1 - this.#baseMs / Math.max(meanMs, this.#baseMs));
    const before = this.#limit;
    if (queued <= step) this.#limit += 2 * step;
    else if (queued < 3 * step) this.#limit += step;
    else if (queued > 12 * step) this.#limit = Math.min(this.#limit - step, this.#limit * 0.8);
    else if (queued > 6 * step) this.#limit -= step;
    this.#limit = this.#clamp(this.#limit);
    this.#falling = this.#limit < before ? this.#falling + 1 : 0;

    if (this.#windows < this.#config.probeEvery && this.#falling < DOUBT_AFTER) return;
    this.#windows = 0;
    this.#falling = 0;
    // At the minimum every window is as unloaded as it gets: a probe measures without lowering.
    this.#phase = { name: 'probing', resumeAt: this.#limit, settledAtMs: undefined };
    this.#limit = this.#clamp(this.#limit / PROBE_PART);
  }

  #beginWindow(nowMs: number): void {
    this.#windowStartMs = nowMs;
    this.#sumMs = 0;
    this.#samples = 0;
    this.#peakInFlight = 0;
  }

  #clamp(limit: number): number {
    return Math.max(this.#config.minLimit, Math.min(this.#maxLimit, limit));
  }
}
