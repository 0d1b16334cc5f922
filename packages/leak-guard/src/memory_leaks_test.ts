import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryLeakPrevention } from './memory_leak_prevention.ts';
import type { GrowthNotice, MemoryLeak } from './report.ts';

/** Long for a loaded machine: what is asserted is the verdict, not its speed. */
const PATIENT = { timeout: 90_000, interval: 50 };
const STEP_MS = 25;

let guard: MemoryLeakPrevention;
let leaks: MemoryLeak[];
let growing: GrowthNotice[];
let stepping: NodeJS.Timeout;

const kept: unknown[] = [];
const byKey = new Map<string, unknown>();
const emitter = new EventEmitter().setMaxListeners(0);
const noise = { last: {} as object };
let steps = 0;

function makeNoise(): void {
  for (let i = 0; i < 2_000; i++) noise.last = { i, list: [i], text: `n${i}` };
}

function leakyObjects(): void {
  for (let i = 0; i < 2_500; i++) kept.push({ i, text: `v${i}`, list: [i] });
}

function leakyMap(): void {
  for (let i = 0; i < 1_500; i++)
    byKey.set(`key ${steps} ${i}`, { value: `payload ${i}`, at: [1, 2, 3] });
}

function leakyListener(): void {
  for (let i = 0; i < 12; i++) {
    const large = new Array(2_600).fill(i);
    emitter.on('never', () => large.length);
  }
}

function leakyBuffer(): void {
  // Small ones: what the profiler samples is the object in the heap, not what it holds outside.
  for (let i = 0; i < 128; i++) kept.push(Buffer.allocUnsafeSlow(2 * 1_024));
}

beforeEach(() => {
  guard = new MemoryLeakPrevention({
    monitoringIntervalMs: 100,
    attributionMs: 1_000,
    attributionCooldownMs: 0,
    // A rate of probes that is for tests only: each interval needs a floor.
    trend: { minPoints: 16, minGrowthMb: 4, confirmAfterMs: 1_000, etaCriticalMs: 0 },
  });
  leaks = [];
  growing = [];
  guard.on('heapLeak', (leak) => leaks.push(leak));
  guard.on('growing', (notice) => growing.push(notice));
  guard.startMonitoring();
});

afterEach(async () => {
  clearInterval(stepping);
  await guard.stop();
  kept.length = 0;
  byKey.clear();
  emitter.removeAllListeners();
  steps = 0;
  noise.last = {};
});

function run(step: () => void): void {
  stepping = setInterval(() => {
    steps++;
    makeNoise();
    step();
  }, STEP_MS);
}

describe('L02 a leak is called one and its function is named first:', { timeout: 120_000 }, () => {
  test.each([
    ['objects that are kept', leakyObjects, 'heap'],
    ['a Map that only grows', leakyMap, 'heap'],
    ['listeners that are never removed', leakyListener, 'heap'],
    ['Buffers that are kept', leakyBuffer, 'off-heap'],
  ] as const)('%s', async (_name, leak, kind) => {
    run(leak);
    await expect.poll(() => leaks.length, PATIENT).toBeGreaterThan(0);
    const [found] = leaks;
    expect(found?.kind).toBe(kind);
    expect(found?.slopeMbPerMin).toBeGreaterThan(0);
    expect(found?.snapshot).toEqual({ refused: 'off' });
    expect(found?.culprits[0]?.functionName).toBe(leak.name);
    expect(found?.culprits[0]?.site).toContain('memory_leaks_test.ts:');
    expect(growing[0]?.kind).toBe(kind);
    expect((await guard.checkForLeaks({ probe: false })).memory).toMatchObject({
      verdict: 'leak',
      kind,
    });
  });
});

describe('L01 no leak is', { timeout: 120_000 }, () => {
  const recent: unknown[] = [];
  const objects = (): object[] =>
    Array.from({ length: 3_000 }, (_, i) => ({ i, text: `v${i}`, list: [i] }));

  test.each([
    [
      'garbage of medium age',
      () => {
        recent.push(objects());
        if (recent.length > 40) recent.length = 0;
      },
    ],
    [
      'a warm-up that ends',
      () => {
        if (steps < 40) kept.push(objects());
      },
    ],
    [
      'a cache that throws out what is oldest',
      () => {
        for (let i = 0; i < 500; i++) byKey.set(`${steps} ${i}`, { i, list: [1, 2, 3] });
        for (const key of byKey.keys()) {
          if (byKey.size <= 10_000) break;
          byKey.delete(key);
        }
      },
    ],
  ] as const)('%s', async (_name, step) => {
    run(step);
    await expect.poll(() => guard.getMemoryStats().snapshots, PATIENT).toBeGreaterThan(45);
    expect(leaks).toEqual([]);
    expect(guard.getMemoryStats().heapFloorMb).toBeGreaterThan(0);
    recent.length = 0;
  });

  test('a registered cache that grows', async () => {
    let bytes = 0;
    guard.registerCache('pages', { bytes: () => bytes });
    run(() => {
      kept.push(new Array(32_768).fill(steps));
      bytes += 32_768 * 8;
    });
    await expect.poll(() => guard.getMemoryStats().snapshots, PATIENT).toBeGreaterThan(45);
    expect(leaks).toEqual([]);
    expect(guard.getMemoryStats().caches).toEqual({ pages: bytes });
  });
});
