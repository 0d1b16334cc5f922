import { decideReuse, reuseRatio } from './network_policy.ts';
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
  const actions: OptimizationAction[] = [];
  const advice: OptimizationAdvice[] = [];
  for (const watch of pools) {
    const name = `reuse:${watch.name}`;
    const { min, ceiling } = watch.latest;
    const decision = decideReuse(
      { ...watch.window(), min, ceiling, originalMin: watch.originalMin },
      target,
    );
    if (decision.kind === 'raise-min' || decision.kind === 'lower-min') {
      if (watch.pool.resize === undefined) {
        advice.push({
          setting: `minConnections=${decision.min} of ${watch.name}`,
          why: decision.reason,
        });
        actions.push(noAction(name, 'the pool cannot be resized', min, 'connections'));
      } else {
        actions.push(moveMin(watch, name, decision.min, decision.reason));
      }
      continue;
    }
    if (decision.kind === 'advise') {
      advice.push({ setting: `${decision.setting} of ${watch.name}`, why: decision.reason });
    }
    actions.push(noAction(name, decision.reason, min, 'connections'));
  }
  return { actions, advice };
}

/** Closes idle connections above the minimum, unless that would only have them opened again. */
export function evictIdle(pools: Iterable<PoolWatch>, reuseTarget: number): OptimizationAction[] {
  return [...pools].map((watch) => {
    const name = `evict-idle:${watch.name}`;
    const { idle: before } = watch.pool.stats();
    if (watch.pool.evictIdle === undefined) {
      return noAction(name, 'the pool cannot evict', before, 'connections');
    }
    const ratio = reuseRatio(watch.window());
    if (ratio !== undefined && ratio < reuseTarget) {
      return noAction(
        name,
        `reuse is ${(ratio * 100).toFixed(1)} %, evicting would lower it further`,
        before,
        'connections',
      );
    }
    const startedMs = performance.now();
    const evicted = watch.pool.evictIdle();
    return {
      name,
      applied: evicted > 0,
      reason:
        evicted > 0 ? `${evicted} were idle above the minimum` : 'none is idle above the minimum',
      before,
      after: watch.pool.stats().idle,
      unit: 'connections',
      costMs: performance.now() - startedMs,
    };
  });
}

/** Puts every minimum back that is still as it was set here. */
export function restoreMin(watch: PoolWatch): void {
  if (watch.tunedMin === undefined || watch.pool.stats().min !== watch.tunedMin) return;
  watch.pool.resize?.({ min: watch.originalMin });
  watch.tunedMin = undefined;
}

function moveMin(watch: PoolWatch, name: string, to: number, reason: string): OptimizationAction {
  const before = watch.pool.stats().min;
  const startedMs = performance.now();
  try {
    watch.pool.resize?.({ min: to });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return noAction(name, `the pool refused a minimum of ${to}: ${text}`, before, 'connections');
  }
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
