import { EventEmitter } from 'node:events';
import { FakeClock } from '@fynlo/testing/fake-clock';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { SilenceWatch } from './_pg_silence_watch.ts';

function watched() {
  const clock = new FakeClock();
  const lent: object[] = [];
  let asked = 0;
  const watch = new SilenceWatch({
    clock,
    silenceMs: 1_500,
    waits: () => lent.length > 0,
    serverOf: () => 'one',
    connected: () => [],
    lent: () => lent as pg.Client[],
    newClient: () => {
      asked++;
      const connect = () => Promise.reject(new Error('no room'));
      return Object.assign(new EventEmitter(), { connect, end: async () => {} }) as never;
    },
    pooler: {
      verdict: { backendPids: true },
      settle: async () => ({ settled: true, backendPids: true }),
    } as never,
    lost: () => {},
    reached: () => {},
    unreachable: () => {},
  });
  return { clock, lent, watch, asked: () => asked };
}

const working = { processID: 1, activeQuery: {}, connection: { stream: { bytesRead: 9 } } };

test('while nothing is lent no timer runs, and the next client that is lent sets one', async () => {
  const { clock, lent, watch } = watched();
  expect(clock.pendingTimers()).toBe(0);
  lent.push(working);
  watch.watch();
  watch.watch();
  expect(clock.pendingTimers()).toBe(1);
  await clock.advance(1_000);
  expect(clock.pendingTimers()).toBe(1);
  lent.pop();
  await clock.advance(1_000);
  expect(clock.pendingTimers()).toBe(0);
  lent.push(working);
  watch.watch();
  expect(clock.pendingTimers()).toBe(1);
  watch.stop();
  expect(clock.pendingTimers()).toBe(0);
});

test('a statement without a byte is asked about, also when the first server asked does not answer', async () => {
  const { clock, lent, watch, asked } = watched();
  lent.push(working);
  watch.watch();
  await clock.advance(1_400);
  expect(asked()).toBe(0);
  await clock.advance(600);
  expect(asked()).toBeGreaterThan(0);
  const before = asked();
  await clock.advance(1_000);
  expect(asked()).toBeGreaterThan(before);
  watch.stop();
});
