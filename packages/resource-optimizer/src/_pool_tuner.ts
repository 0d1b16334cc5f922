import { decideReuse, reuseRatio } from './_network_policy.ts';
import type { PoolWatch } from './pool_watch.ts';
import type { OptimizationAction, OptimizationAdvice } from './report.ts';
import { noAction } from './report.ts';

/** What was done to the pools, and what only their owner can do. */
export interface PoolTuning {
  readonly actions: OptimizationAction[];
  readonly advice: OptimizationAdvice[];
}

/** Keeps the pools' reuse over the target by moving their minimum; see {@link decideReuse}. */
export function tuneReuse(pools: Iterable<PoolWatch>, target: number): PoolTuning {
  const advice: OptimizationAdvice[] = [];
  const actions = [...pools].map((watch) =>
    guarded(`reuse:${watch.name}`, (name) => tuneOne(watch, name, target, advice)),
  );
  return { actions, advice };
}

function tuneOne(
  watch: PoolWatch,
  name: string,
  target: number,
  advice: OptimizationAdvice[],
): OptimizationAction {
  const { stats, window } = watch.look();
  const { min, max } = stats;
  const { originalMin } = watch;
  const decision = decideReuse({ ...window, min, max, originalMin }, target);
  if (decision.kind === 'keep') return noAction(name, decision.reason, min, 'connections');
  if (decision.kind === 'advise') {
    advice.push({ setting: `${decision.setting} of ${watch.name}`, why: decision.reason });
    return noAction(name, decision.reason, min, 'connections');
  }
  if (watch.pool.resize !== undefined) return moveMin(watch, name, decision.min, decision.reason);
  advice.push({ setting: `minConnections=${decision.min} of ${watch.name}`, why: decision.reason });
  return noAction(name, 'the pool cannot be resized', min, 'connections');
}

/** Closes idle connections above the minimum, unless that would only have them opened again. */
export function evictIdle(pools: Iterable<PoolWatch>, reuseTarget: number): OptimizationAction[] {
  return [...pools].map((watch) =>
    guarded(`evict-idle:${watch.name}`, (name) => evictOne(watch, name, reuseTarget)),
  );
}

function evictOne(watch: PoolWatch, name: string, reuseTarget: number): OptimizationAction {
  const { stats, window } = watch.look();
  const before = stats.idle;
  const no = (reason: string) => noAction(name, reason, before, 'connections');
  if (watch.pool.evictIdle === undefined) return no('the pool cannot evict');
  const ratio = reuseRatio(window);
  if (ratio !== undefined && ratio < reuseTarget) {
    return no(`reuse is ${(ratio * 100).toFixed(1)} %, evicting would lower it further`);
  }
  const startedMs = performance.now();
  const evicted = watch.pool.evictIdle();
  if (evicted === 0) return no('none is idle above the minimum');
  return {
    name,
    applied: true,
    reason: `${evicted} were idle above the minimum`,
    before,
    after: watch.pool.stats().idle,
    unit: 'connections',
    costMs: performance.now() - startedMs,
  };
}

/** What was attached is not ours: a pool that throws costs the others nothing. */
function guarded(name: string, act: (name: string) => OptimizationAction): OptimizationAction {
  try {
    return act(name);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return noAction(name, `the pool failed: ${text}`, 0, 'connections');
  }
}

/** Puts the minimum back if it is still as it was set here. */
export function restoreMin(watch: PoolWatch): void {
  const tuned = watch.tunedMin;
  watch.tunedMin = undefined;
  if (tuned === undefined) return;
  try {
    if (watch.pool.stats().min === tuned) watch.pool.resize?.({ min: watch.originalMin });
  } catch {
    // A pool that is closed by now has no minimum to give back.
  }
}

function moveMin(watch: PoolWatch, name: string, to: number, reason: string): OptimizationAction {
  const before = watch.pool.stats().min;
  const startedMs = performance.now();
  watch.pool.resize?.({ min: to });
  const after = watch.pool.stats().min;
  watch.tunedMin = after;
  watch.restart();
  return {
    name,
    applied: after !== before,
    reason,
    before,
    after,
    unit: 'connections',
    costMs: performance.now() - startedMs,
  };
}
