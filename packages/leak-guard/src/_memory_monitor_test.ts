import { FakeClock } from '@fynlo/testing/fake-clock';
import { beforeEach, expect, test } from 'vitest';
import type { MemoryFloor } from './_gc_watch.ts';
import { MemoryMonitor, type MemoryMonitorDependencies } from './_memory_monitor.ts';
import { TypedEvents } from './_typed_events.ts';
import { CacheRegistry } from './cache_registry.ts';
import { resolveOptions } from './options.ts';
import type { LeakGuardEvents, MemoryLeak } from './report.ts';

const MB = 1_048_576;
const INTERVAL_MS = 30_000;
const CULPRIT = { functionName: 'leaky', site: '/app/a.ts:1', bytes: 1, share: 1, callers: [] };

let clock: FakeClock;
let told: string[];
let leaks: MemoryLeak[];
let attributed: string[];
let caches: CacheRegistry;
let point: number;
let floors: (i: number) => MemoryFloor | undefined;

beforeEach(() => {
  clock = new FakeClock();
  told = [];
  leaks = [];
  attributed = [];
  caches = new CacheRegistry();
  point = 0;
  floors = () => ({ heapBytes: 100 * MB, offHeapBytes: 5 * MB });
});

function start(deps: Partial<MemoryMonitorDependencies> = {}): MemoryMonitor {
  const events = new TypedEvents<LeakGuardEvents>('test.memory');
  events.on('growing', ({ kind, exceedsThreshold }) =>
    told.push(`growing ${kind} ${exceedsThreshold}`),
  );
  events.on('heapLeak', (leak) => {
    told.push(`leak ${leak.kind}`);
    leaks.push(leak);
  });
  const monitor = new MemoryMonitor({
    options: resolveOptions({ clock }),
    events,
    caches,
    takeFloor: async () => floors(point++),
    takeLoad: () => 1,
    limits: () => ({ heapBytes: 4_096 * MB, processBytes: 8_192 * MB, rssBytes: 300 * MB }),
    attribute: async (kind) => {
      attributed.push(kind);
      return [CULPRIT];
    },
    snapshot: async () => ({ refused: 'off' }),
    ...deps,
  });
  monitor.start();
  return monitor;
}

test('a steady floor is healthy', async () => {
  const monitor = start();
  await clock.advance(60 * INTERVAL_MS);
  expect(told).toEqual([]);
  expect(monitor.snapshots).toBe(60);
  expect(monitor.report()).toMatchObject({ verdict: 'healthy', kind: undefined });
  expect(monitor.report().floorMb).toBeGreaterThan(0);
});

test('a leak is told as growing once, as a leak once, with its culprit', async () => {
  floors = (i) => ({ heapBytes: (100 + i) * MB, offHeapBytes: 5 * MB });
  const monitor = start();
  await clock.advance(80 * INTERVAL_MS);
  expect(told).toEqual(['growing heap false', 'leak heap']);
  expect(attributed).toEqual(['heap']);
  expect(leaks[0]).toMatchObject({
    kind: 'heap',
    culprits: [CULPRIT],
    snapshot: { refused: 'off' },
  });
  expect(monitor.report()).toMatchObject({ verdict: 'leak', kind: 'heap', culprits: [CULPRIT] });
});

test('the growth threshold on a proven trend looks for the culprit before the confirmation', async () => {
  floors = (i) => ({ heapBytes: 100 * MB, offHeapBytes: (5 + 4 * i) * MB });
  start();
  await clock.advance(30 * INTERVAL_MS);
  expect(told).toEqual(['growing off-heap false', 'growing off-heap true']);
  expect(attributed).toEqual(['off-heap']);
});

test('growth that a registered cache explains is healthy', async () => {
  floors = (i) => ({ heapBytes: (100 + 3 * i) * MB, offHeapBytes: 5 * MB });
  caches.register('pages', { bytes: () => 3 * point * MB });
  start();
  await clock.advance(80 * INTERVAL_MS);
  expect(told).toEqual([]);
});

test('an interval without a floor gives no point', async () => {
  floors = (i) => (i % 2 === 0 ? undefined : { heapBytes: 100 * MB, offHeapBytes: 5 * MB });
  const monitor = start();
  await clock.advance(10 * INTERVAL_MS);
  expect(monitor.snapshots).toBe(5);
});

test('a load function that throws, or an inspector that fails, ends nothing', async () => {
  floors = (i) => ({ heapBytes: (100 + i) * MB, offHeapBytes: 5 * MB });
  let calls = 0;
  start({
    takeLoad: () => {
      if (++calls === 5) throw new Error('load');
      return 1;
    },
    attribute: async () => {
      throw new Error('inspector');
    },
  });
  await clock.advance(80 * INTERVAL_MS);
  expect(told).toEqual(['growing heap false', 'leak heap']);
  expect(leaks[0]?.culprits).toEqual([]);
});

test('stop() leaves no timer', async () => {
  const monitor = start();
  await monitor.stop();
  await monitor.stop();
  expect(clock.pendingTimers()).toBe(0);
});

test('ten thousand snapshots keep no more points than the window has', async () => {
  const monitor = start();
  await clock.advance(10_000 * INTERVAL_MS);
  expect(monitor.snapshots).toBe(10_000);
  expect(monitor.report().points).toBe(40);
}, 60_000);
