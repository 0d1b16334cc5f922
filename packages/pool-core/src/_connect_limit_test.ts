import { describe, expect, it } from 'vitest';
import {
  afterConnect,
  afterConnectError,
  type ConnectLimit,
  initialConnectLimit,
} from './_connect_limit.ts';
import { DEFAULT_TUNING } from './tuning_options.ts';

const tuning = { ...DEFAULT_TUNING, maxConnecting: 4 };

function connects(state: ConnectLimit, tookMs: number, count: number): ConnectLimit {
  let next = state;
  for (let i = 0; i < count; i++) next = afterConnect(next, tookMs, tuning);
  return next;
}

describe('the limit of connects in flight', () => {
  it('grows by one after each round of fast connects, and no further than its cap', () => {
    const start = initialConnectLimit(tuning);
    expect(start.limit).toBe(4);
    expect(connects(start, 10, 3).limit).toBe(4);
    expect(connects(start, 10, 4).limit).toBe(5);
    expect(connects(start, 10, 9).limit).toBe(6);
    expect(connects(start, 10, 1_000).limit).toBe(16);
  });

  it('stays when connects become slower, and goes back when they take twice as long', () => {
    const grown = connects(initialConnectLimit(tuning), 10, 1_000);
    expect(connects(grown, 18, 16).limit).toBe(16);
    expect(connects(grown, 50, 16).limit).toBe(8);
    expect(connects(grown, 50, 24).limit).toBe(4);
    expect(connects(grown, 50, 40).limit).toBeGreaterThanOrEqual(4);
  });

  it('takes a server that became slower for good as it is', () => {
    const grown = connects(initialConnectLimit(tuning), 10, 1_000);
    expect(connects(grown, 50, 400).limit).toBe(16);
  });

  it('is halved by errors down to one, and grows back', () => {
    let state = initialConnectLimit(tuning);
    state = afterConnectError(state, tuning);
    expect(state.limit).toBe(2);
    for (let i = 0; i < 3; i++) state = afterConnectError(state, tuning);
    expect(state.limit).toBe(1);
    expect(connects(state, 10, 1).limit).toBe(2);
  });

  it('keeps connectCut of itself, after slow connects and after errors', () => {
    const gentle = { ...tuning, connectCut: 0.75 };
    const grown = connects(initialConnectLimit(tuning), 10, 1_000);
    expect(afterConnect({ ...grown, successes: 15 }, 50, gentle).limit).toBe(12);
    expect(afterConnectError(grown, gentle).limit).toBe(12);
  });

  it('does not take what is late by connectNoiseMs for slow', () => {
    const grown = { ...connects(initialConnectLimit(tuning), 1, 1_000), successes: 15 };
    expect(afterConnect(grown, 2.9, tuning).limit).toBe(16);
    expect(afterConnect(grown, 2.9, { ...tuning, connectNoiseMs: 0.1 }).limit).toBe(8);
  });
});
