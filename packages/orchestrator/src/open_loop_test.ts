import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { arrivals, steady } from './arrivals.ts';
import { runOpenLoop } from './open_loop.ts';
import { seededRandom } from './seeded_random.ts';

const due = arrivals([steady(600, 100)], seededRandom(4));

describe('runOpenLoop()', () => {
  it('offers every request once, in order, and not before it is due', async () => {
    const indexes: number[] = [];
    let early = 0;
    const report = await runOpenLoop({
      due,
      work: async (request) => {
        indexes.push(request.index);
        // Half a microsecond of floating point, no more.
        if (performance.now() < request.intendedAt - 0.001) early++;
      },
    });
    expect(indexes).toEqual(Array.from(due.keys()));
    expect(early).toBe(0);
    expect(report).toMatchObject({ offered: due.length, completed: due.length, failed: 0 });
    expect(report.lag.count).toBe(due.length);
  });

  it('does not wait for answers before offering the next', async () => {
    const report = await runOpenLoop({ due, work: () => sleep(300) });
    expect(report.peakInFlight).toBeGreaterThan(10);
    expect(report.completed).toBe(due.length);
  });

  it('counts a blocked event loop as lag of this process, not of the host', async () => {
    let blocked = false;
    const report = await runOpenLoop({
      due,
      work: async () => {
        if (blocked) return;
        blocked = true;
        const until = performance.now() + 250;
        while (performance.now() < until);
      },
    });
    expect(report.lag.max).toBeGreaterThan(100);
    expect(report.hostLag.p50).toBeLessThan(report.lag.max);
  });

  it('counts failures by code and carries on', async () => {
    const report = await runOpenLoop({
      due,
      work: async ({ index }) => {
        if (index % 2 === 0) throw Object.assign(new Error('refused'), { code: '53300' });
      },
    });
    expect(report.errors).toEqual({ '53300': Math.ceil(due.length / 2) });
    expect(report.failed + report.completed).toBe(due.length);
  });

  it('drops what exceeds the limit of requests in flight, and says so', async () => {
    const report = await runOpenLoop({ due, work: () => sleep(200), maxInFlight: 5 });
    expect(report.peakInFlight).toBe(5);
    expect(report.dropped).toBe(due.length - report.completed);
    expect(report.dropped).toBeGreaterThan(0);
  });

  it('gives up on requests that never settle, and counts them', async () => {
    const report = await runOpenLoop({
      due: Float64Array.of(1, 2),
      work: ({ index }) => (index === 0 ? new Promise(() => undefined) : Promise.resolve()),
      drainMs: 30,
    });
    expect(report).toMatchObject({ completed: 1, unfinished: 1 });
  });

  it('offers no more once it is enough, and still waits for what is in flight', async () => {
    const enough = new AbortController();
    const report = await runOpenLoop({
      due: arrivals([steady(60_000, 50)], seededRandom(4)),
      work: async ({ index }) => {
        if (index === 9) enough.abort();
        await sleep(30);
      },
      enough: enough.signal,
    });
    expect(report.offered).toBeGreaterThanOrEqual(10);
    expect(report.offered).toBeLessThan(1000);
    expect(report.completed).toBe(report.offered);
  });

  it('stops at once when aborted', async () => {
    const aborted = new Error('enough');
    const startedAt = performance.now();
    await expect(
      runOpenLoop({
        due: arrivals([steady(60_000, 50)], seededRandom(4)),
        work: () => sleep(5),
        signal: abortAfter(100, aborted),
      }),
    ).rejects.toBe(aborted);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

function abortAfter(ms: number, reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), ms);
  return controller.signal;
}
