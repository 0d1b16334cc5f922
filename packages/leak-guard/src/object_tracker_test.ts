import { expect, test } from 'vitest';
import { MemoryLeakPrevention } from './memory_leak_prevention.ts';
import type { LeakedLease, LostObject } from './report.ts';

class Cursor {
  readonly portal = 'p';
}

const guardWithLog = (): [MemoryLeakPrevention, (LeakedLease | LostObject)[]] => {
  const guard = new MemoryLeakPrevention({ level: 'paranoid' });
  const lost: (LeakedLease | LostObject)[] = [];
  guard.on('leak', (leak) => lost.push(leak));
  return [guard, lost];
};

test('objects that are dropped before close() are told, those closed or kept are not', async () => {
  const [guard, lost] = guardWithLog();
  const kept = new Cursor();
  const open = guard.track(kept, 'cursor');
  const forget = (): void => void guard.track(new Cursor(), 'cursor');
  const close = (): void => guard.track(new Cursor(), 'cursor').close();
  for (let i = 0; i < 3; i++) forget();
  for (let i = 0; i < 3; i++) close();
  expect(guard.getMemoryStats()).toMatchObject({ trackedObjects: 4 });
  const report = await guard.checkForLeaks();
  await expect.poll(() => lost.length, { timeout: 10_000 }).toBe(3);
  expect(lost.map((l) => l.occurrences)).toEqual([1, 2, 3]);
  expect(new Set(lost.map((l) => l.site)).size).toBe(1);
  expect(lost[0]?.site).toMatch(/object_tracker_test\.ts:\d+:\d+$/);
  expect(report.trackedLost).toMatchObject([{ kind: 'cursor', occurrences: 3 }]);
  expect(guard.getMemoryStats()).toMatchObject({ trackedObjects: 1, lostObjects: 3 });
  open.close();
  open.close();
  expect(guard.getMemoryStats().trackedObjects).toBe(0);
  expect(kept.portal).toBe('p');
  await guard.stop();
});

test('an object whose method tracked it is still found: its stack does not keep it', async () => {
  const [guard, lost] = guardWithLog();
  class Session {
    constructor() {
      guard.track(this, 'session');
    }
  }
  (() => new Session())();
  await guard.checkForLeaks();
  await expect.poll(() => lost.length, { timeout: 10_000 }).toBe(1);
  await guard.stop();
});

test('after stop() nothing is told any more', async () => {
  const [guard, lost] = guardWithLog();
  (() => guard.track(new Cursor(), 'cursor'))();
  await guard.stop();
  const { probe } = await guard.checkForLeaks();
  expect(probe?.conclusive).toBe(true);
  expect(lost).toEqual([]);
});
