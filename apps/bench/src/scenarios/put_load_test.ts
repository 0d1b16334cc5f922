import { expect, test } from 'vitest';
import type { Params } from '../scenario/scenario.ts';
import { putLoad } from './put_load.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const closed: Params = { callers: 2, connections: 1, warmupMs: 50, durationMs: 200 };
const round = (params: Params) => ({
  ...{ databaseUrl: '', redisUrl: '', params, seed: 1 },
  signal: new AbortController().signal,
});

/** In which order operations and the watch came. */
async function logged(params: Params) {
  const log: string[] = [];
  const outcome = await putLoad(
    round(params),
    async (i) => {
      log.push(String(i));
      await sleep(2);
    },
    [
      {
        start: () => log.push('start'),
        stop: () => {
          log.push('stop');
          return { loads: log.length };
        },
      },
    ],
  );
  const [start, stop] = [log.indexOf('start'), log.indexOf('stop')];
  return { outcome, log, warmUp: start, measured: stop - start - 1, after: log.length - stop - 1 };
}

test('putLoad() puts an open loop after the closed one where its rate is stated, with numbers and response times of its own', async () => {
  const { outcome, log, measured, after } = await logged({ ...closed, openRatePerSecond: 500 });
  const { metrics, histogram, openHistogram } = outcome;
  // 0.3 s of settling and 0.1 s, at 500 a second: about 200.
  expect(after).toBeGreaterThan(100);
  expect(measured).toBeGreaterThan(0);
  const operations = log.filter((entry) => /^\d+$/.test(entry)).map(Number);
  expect(operations).toEqual(operations.map((_, i) => i));
  const count = (buckets: typeof histogram): number =>
    (buckets ?? []).reduce((sum, bucket) => sum + bucket.count, 0);
  expect(count(histogram)).toBeLessThanOrEqual(measured);
  expect(count(openHistogram)).toBeGreaterThan(20);
  expect(count(openHistogram)).toBeLessThan(after);
  expect(metrics.p99Ms).toBeGreaterThan(0);
  expect(metrics.openP99Ms).toBeGreaterThanOrEqual(metrics.openP50Ms ?? Number.NaN);
  expect(metrics.openLagP99Ms).toBeGreaterThanOrEqual(0);
  expect(metrics.openOpsPerSecond).toBeGreaterThan(0);
  // A closed loop has no schedule to lag behind.
  expect(metrics.lagP99Ms).toBeUndefined();
});

test('putLoad() watches the closed loop alone, from the end of its warm-up', async () => {
  const { outcome, log, warmUp } = await logged({ ...closed, openRatePerSecond: 500 });
  expect(warmUp).toBeGreaterThan(0);
  expect(outcome.metrics.loads).toBe(log.indexOf('stop') + 1);
});

test.each([
  ['a closed loop', closed],
  ['an open loop', { ...closed, ratePerSecond: 500 }],
])('putLoad() puts %s alone where no rate is stated for one that follows', async (_, params) => {
  const { outcome, after } = await logged(params);
  expect(after).toBe(0);
  expect(Object.keys(outcome.metrics).filter((name) => name.startsWith('open'))).toEqual([]);
  expect(outcome.openHistogram).toBeUndefined();
  expect(outcome.metrics.lagP99Ms === undefined).toBe(params.ratePerSecond === undefined);
});

test('putLoad() counts a failure of the open loop among the errors of the round', async () => {
  let stopped = false;
  const watch = {
    stop: () => {
      stopped = true;
      return {};
    },
  };
  const operation = async (): Promise<void> => {
    await sleep(1);
    if (stopped) throw new Error('broke at the rate');
  };
  const params = { ...closed, openRatePerSecond: 200 };
  const { metrics, details } = await putLoad(round(params), operation, [watch]);
  expect(metrics.errors).toBeGreaterThan(0);
  expect(details?.['firstError']).toContain('broke at the rate');
});
