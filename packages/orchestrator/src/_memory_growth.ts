import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryLeakPrevention } from '@fynlo/leak-guard';
import type { GrowthPhase } from './memory_result.ts';
import type { RunContext } from './run_context.ts';

/**
 * Seconds instead of half an hour: the same test, on points that lie closer together, without the time of confirmation.
 * The defaults (a point each 30 s, 20 min of confirmation) would need longer than the whole run.
 */
export const QUICK_TREND = {
  monitoringIntervalMs: 250,
  attributionMs: 1000,
  attributionCooldownMs: 0,
  trend: { windowPoints: 24, minPoints: 10, minGrowthMb: 8, confirmAfterMs: 500 },
} as const;

/** Somebody keeps what nobody needs: a list that only grows, beside a registered cache that may be shrunk. */
export async function runMemoryGrowth(
  context: RunContext,
  progress: (fraction: number) => void,
): Promise<GrowthPhase> {
  const { growthMb } = context.profile.memory;
  const guard = new MemoryLeakPrevention({ ...QUICK_TREND, growthThresholdMb: growthMb / 2 });
  const cache = fillCache(1000);
  guard.registerCache('registered', cache);
  let alarmAt: number | undefined;
  guard.on('growing', () => {
    alarmAt ??= performance.now();
  });
  const named = new Promise<void>((resolve) => {
    guard.on('heapLeak', () => resolve());
  });
  guard.startMonitoring();
  const startedAt = performance.now();
  const forgotten: unknown[] = [];
  try {
    const steps = 16;
    for (let step = 1; step <= steps; step++) {
      keepForEver(forgotten, growthMb / steps);
      progress(step / steps);
      await sleep(QUICK_TREND.monitoringIntervalMs, undefined, { signal: context.signal });
    }
    // The list grows on while the profiler looks: it names who allocates meanwhile.
    const deadline = performance.now() + 6000;
    let done = false;
    named.then(
      () => {
        done = true;
      },
      () => undefined,
    );
    while (!done && performance.now() < deadline) {
      keepForEver(forgotten, growthMb / steps / 4);
      await sleep(QUICK_TREND.monitoringIntervalMs / 4, undefined, { signal: context.signal });
    }
    const { memory } = await guard.checkForLeaks({ probe: false });
    const { actions } = await guard.triggerLeakPrevention();
    return {
      grownMb: growthMb,
      verdict: memory.verdict,
      kind: memory.kind ?? null,
      growthMb: memory.growthMb,
      slopeMbPerMin: memory.slopeMbPerMin,
      points: memory.points,
      p: memory.p,
      alarmAfterMs: alarmAt === undefined ? null : alarmAt - startedAt,
      culprits: memory.culprits,
      actions,
    };
  } finally {
    forgotten.length = 0;
    await guard.stop();
  }
}

/** The leak. About 100 bytes an object, so that the heap and not some buffer grows. */
function keepForEver(list: unknown[], mb: number): void {
  const objects = Math.round((mb * 1024 * 1024) / 100);
  for (let i = 0; i < objects; i++) list.push({ id: i, at: list.length, next: null, text: `${i}` });
}

/** A cache as an application would register it. */
function fillCache(entries: number): { bytes(): number; shrink(toBytes: number): number } {
  const ENTRY = 1024;
  const values = Array.from({ length: entries }, (_, i) => 'x'.repeat(ENTRY - 1) + (i % 10));
  return {
    bytes: () => values.length * ENTRY,
    shrink: (toBytes) => {
      values.length = Math.min(values.length, Math.floor(toBytes / ENTRY));
      return values.length * ENTRY;
    },
  };
}
