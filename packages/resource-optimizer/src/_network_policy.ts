import type { DestroyReason } from '@fynlo/pool-core/contract';

/** What one pool did within the window. */
export interface ReuseInput {
  readonly acquires: number;
  /** Connects that succeeded. */
  readonly created: number;
  readonly destroyed: Readonly<Partial<Record<DestroyReason, number>>>;
  /** The largest size seen. */
  readonly peakSize: number;
  /** The most connections leased or waited for at once. */
  readonly peakInUse: number;
  readonly min: number;
  /** The minimum before anything here changed it. */
  readonly originalMin: number;
  /** What the pool may ever grow to. Not its ceiling of the moment: that is a step on the way, often the size itself. */
  readonly max: number;
}

export type ReuseDecision =
  | { readonly kind: 'raise-min' | 'lower-min'; readonly min: number; readonly reason: string }
  | { readonly kind: 'advise'; readonly setting: string; readonly reason: string }
  | { readonly kind: 'keep'; readonly reason: string };

/** Fewer acquires than this are no evidence: three of them and one connect read as 67 %. */
const MIN_ACQUIRES = 100;

/** Reasons that a larger minimum prevents. */
const SHRINKING: readonly DestroyReason[] = ['idle-timeout', 'shrink', 'evicted'];
const AGEING: readonly DestroyReason[] = ['lifetime', 'max-uses', 'outdated'];
const FAILING: readonly DestroyReason[] = [
  'unhealthy',
  'connection-error',
  'released-with-error',
  'released-busy',
  'reset-failed',
  'reclaimed',
];

/** The share of acquires that needed no new connection, `undefined` without acquires. Never under 0: a pool may open
 * more than it hands out. */
export function reuseRatio(counts: {
  readonly acquires: number;
  readonly created: number;
}): number | undefined {
  if (counts.acquires <= 0) return undefined;
  return Math.max(0, 1 - counts.created / counts.acquires);
}

/**
 * What to do about a pool that reconnects too often. Where connections die because the load swings, the minimum goes
 * half-way to what was used at the peak (and on from there, while it does not suffice): a burst must not be held for
 * ever, and a server's connections are not ours to fill. Where they die of age or of errors, only their owner can act.
 */
export function decideReuse(input: ReuseInput, target: number): ReuseDecision {
  const ratio = reuseRatio(input);
  if (ratio === undefined || input.acquires < MIN_ACQUIRES) {
    return keep(
      `${input.acquires} acquires in the window are too few to judge, wanted ${MIN_ACQUIRES}`,
    );
  }
  const state = `${percent(ratio)} of ${input.acquires} acquires reused a connection`;
  if (ratio >= target) return decideLower(input, state);

  const shrunk = sum(input.destroyed, SHRINKING);
  const aged = sum(input.destroyed, AGEING);
  const failed = sum(input.destroyed, FAILING);
  const worst = Math.max(shrunk, aged, failed);
  if (worst === 0) return keep(`${state}: the pool was growing, nothing was closed`);
  if (worst === failed) {
    return {
      kind: 'advise',
      setting: 'server or network',
      reason: `${state}: ${failed} connections were closed after errors`,
    };
  }
  if (worst === aged) {
    return {
      kind: 'advise',
      setting: 'connectionLifetimeMs',
      reason: `${state}: ${aged} connections were closed for their age or uses; a longer lifetime keeps them`,
    };
  }
  const used = Math.min(input.peakSize, input.max);
  const min = Math.ceil((input.min + used) / 2);
  if (min <= input.min) return keep(`${state}: the minimum is at the ${used} in use already`);
  return {
    kind: 'raise-min',
    min,
    reason: `${state}, wanted ${percent(target)}: ${shrunk} idle connections were closed, then opened again`,
  };
}

/** Gives back, a quarter at a time, a minimum raised here that the load no longer reaches. */
function decideLower(input: ReuseInput, state: string): ReuseDecision {
  // Use, not size, is the measure: a pool holds its minimum open whether it is needed or not.
  const surplus = input.min - Math.max(input.originalMin, input.peakInUse);
  if (surplus <= 0) return keep(`${state}: nothing to do`);
  return {
    kind: 'lower-min',
    min: Math.max(input.originalMin, input.min - Math.max(1, Math.ceil(surplus / 4))),
    reason: `${state}, and at most ${input.peakInUse} were needed at once`,
  };
}

function keep(reason: string): ReuseDecision {
  return { kind: 'keep', reason };
}

function sum(
  destroyed: Readonly<Partial<Record<DestroyReason, number>>>,
  reasons: readonly DestroyReason[],
): number {
  return reasons.reduce((total, reason) => total + (destroyed[reason] ?? 0), 0);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
