/**
 * What can be done against a leak from within the process, each step with what it measurably changed.
 *
 * @module
 */
import { type CacheRegistry, readBytes } from './cache_registry.ts';
import type { PreventionAction } from './report.ts';

export interface PreventionSteps {
  readonly caches: CacheRegistry;
  readonly probeAllowed: boolean;
  /** Leases proven leaked so far. */
  leaked(): number;
  openLeases(): number;
  /** Brings a major collection about; false when none could be had. */
  probe(): Promise<boolean>;
  /** Leases proven leaked that are still out. */
  unreclaimed(): number;
  /** Leases that were taken back so far. */
  reclaimed(): number;
  reclaim(): void;
  /** Resolves when the reclaims under way have ended, or a bounded time is over. */
  settled(): Promise<void>;
  collectGarbage(): Promise<boolean>;
  rssBytes(): number;
}

/** Memory below this is within what RSS varies by itself. */
const NOTICEABLE_BYTES = 1_048_576;

type Outcome = Omit<PreventionAction, 'name' | 'costMs'>;

/** Proves, takes back, makes caches smaller, gives memory back: in this order, each regardless of the others. */
export async function prevent(steps: PreventionSteps): Promise<PreventionAction[]> {
  const reclaimed = steps.reclaimed();
  const actions = [
    await timed('probe', () => probe(steps)),
    await timed('reclaim', () => reclaim(steps, reclaimed)),
  ];
  for (const [name, cache] of steps.caches.entries()) {
    actions.push(await timed(`shrink ${name}`, async () => shrink(cache)));
  }
  actions.push(await timed('trim', () => trim(steps)));
  return actions;
}

async function timed(name: string, step: () => Promise<Outcome>): Promise<PreventionAction> {
  const start = performance.now();
  const outcome = await step();
  return { name, ...outcome, costMs: performance.now() - start };
}

/** `before` and `after`: leases that might be leaked or held, nobody knows which. */
async function probe(steps: PreventionSteps): Promise<Outcome> {
  const before = steps.openLeases();
  const known = steps.leaked();
  const unchanged = { applied: false, before, after: before, unit: 'leases' as const };
  if (!steps.probeAllowed) return { ...unchanged, reason: 'probes are off' };
  if (before === 0) return { ...unchanged, reason: 'no lease is open' };
  if (!(await steps.probe()))
    return { ...unchanged, reason: 'no major collection could be brought about' };
  const proven = steps.leaked() - known;
  return proven > 0
    ? {
        applied: true,
        reason: `${proven} of ${before} open leases are proven leaked`,
        before,
        after: before - proven,
        unit: 'leases',
      }
    : { ...unchanged, reason: `all ${before} open leases are within somebody's reach` };
}

/** `before` and `after`: leaked leases still out; those that their pools take back on the word of the probe included. */
async function reclaim(steps: PreventionSteps, reclaimedBefore: number): Promise<Outcome> {
  steps.reclaim();
  await steps.settled();
  const after = steps.unreclaimed();
  const taken = steps.reclaimed() - reclaimedBefore;
  const before = after + taken;
  const reason =
    before === 0
      ? 'no leaked lease is out'
      : taken === 0
        ? 'their pools took none of them back'
        : `${taken} of ${before} leaked leases were taken back`;
  return { applied: taken > 0, reason, before, after, unit: 'leases' };
}

async function shrink(cache: Parameters<typeof readBytes>[0]): Promise<Outcome> {
  const before = readBytes(cache);
  const unchanged = { applied: false, before, after: before, unit: 'bytes' as const };
  if (cache.shrink === undefined)
    return { ...unchanged, reason: 'its owner gave no way to shrink it' };
  if (before === 0) return { ...unchanged, reason: 'it is empty' };
  try {
    cache.shrink(Math.floor(before / 2));
  } catch (error) {
    return { ...unchanged, reason: `its shrink() threw: ${String(error)}` };
  }
  const after = readBytes(cache);
  return after < before
    ? { applied: true, reason: 'halved', before, after, unit: 'bytes' }
    : { ...unchanged, after, reason: 'its owner freed nothing' };
}

/** `before` and `after`: resident set. V8 keeps what a burst took until a full collection makes it give back. */
async function trim(steps: PreventionSteps): Promise<Outcome> {
  const before = steps.rssBytes();
  const done = await steps.collectGarbage();
  const after = steps.rssBytes();
  if (!done)
    return {
      applied: false,
      reason: 'no inspector, or a debugger is attached',
      before,
      after,
      unit: 'bytes',
    };
  return before - after >= NOTICEABLE_BYTES
    ? { applied: true, reason: 'a full collection gave memory back', before, after, unit: 'bytes' }
    : {
        applied: false,
        reason: 'a full collection had nothing to give back',
        before,
        after,
        unit: 'bytes',
      };
}
