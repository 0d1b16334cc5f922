import { describe, expect, it } from 'vitest';
import { afterRefusal, raised, roomFor, type ServerLimit } from './_server_limit.ts';
import type { ServerCapacity } from './contract.ts';
import { DEFAULT_TUNING } from './tuning_options.ts';

describe('roomFor()', () => {
  const server: ServerCapacity = { maxConnections: 100, reserved: 3 };

  it.each<[string, ServerCapacity, number, { allows: number; cap: number }]>([
    [
      'a server of 100 with 3 reserved: 97, of which 10 are left',
      server,
      10,
      { allows: 97, cap: 87 },
    ],
    ['nothing is left where that is asked for', server, 0, { allows: 97, cap: 97 }],
    [
      'a small server: a tenth is left, not half of it',
      { maxConnections: 20, reserved: 3 },
      10,
      { allows: 17, cap: 15 },
    ],
    [
      'a large server: ten connections are enough for an operator',
      { maxConnections: 5_000, reserved: 3 },
      10,
      { allows: 4_997, cap: 4_987 },
    ],
    [
      'the limit of the role, to the full',
      { ...server, roleLimit: 40 },
      10,
      { allows: 40, cap: 40 },
    ],
    ['the limit of the database', { ...server, databaseLimit: 30 }, 10, { allows: 30, cap: 30 }],
    [
      'the least of all',
      { ...server, roleLimit: 40, databaseLimit: 30 },
      10,
      { allows: 30, cap: 30 },
    ],
    [
      'a limit of the role above what the server has',
      { ...server, roleLimit: 95 },
      10,
      { allows: 95, cap: 87 },
    ],
    [
      'a role that may not connect: one, which the server refuses itself',
      { ...server, roleLimit: 0 },
      10,
      { allows: 0, cap: 1 },
    ],
    ['everything reserved', { maxConnections: 3, reserved: 3 }, 10, { allows: 0, cap: 1 }],
  ])('%s', (_, capacity, headroom, room) => {
    expect(roomFor(capacity, { ...DEFAULT_TUNING, serverHeadroom: headroom })).toEqual(room);
  });
});

it('a refusal caps the pool at what is open, and never below one', () => {
  expect(afterRefusal(undefined, 30, 100, DEFAULT_TUNING)).toEqual({
    cap: 30,
    until: 1_100,
    holdMs: 1_000,
  });
  expect(afterRefusal(undefined, 0, 100, DEFAULT_TUNING).cap).toBe(1);
});

it('refusals of connects that were in flight together pause no longer than one', () => {
  const first = afterRefusal(undefined, 30, 100, DEFAULT_TUNING);
  expect(afterRefusal(first, 30, 101, DEFAULT_TUNING).holdMs).toBe(1_000);
});

it.each([
  [2, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]],
  [3, [1_000, 3_000, 9_000, 27_000, 30_000]],
])(
  'each refusal of a later try makes the pause %d times as long (holdGrowth), up to half a minute',
  (holdGrowth, expected) => {
    const tuning = { ...DEFAULT_TUNING, holdGrowth };
    let limit = afterRefusal(undefined, 30, 0, tuning);
    const pauses = expected.map(() => {
      const { holdMs } = limit;
      limit = afterRefusal(limit, 30, limit.until, tuning);
      return holdMs;
    });
    expect(pauses).toEqual(expected);
  },
);

it('after the pause a few more are tried, until the pool may have its own maximum again', () => {
  let limit: ServerLimit | undefined = afterRefusal(undefined, 30, 0, DEFAULT_TUNING);
  expect(raised(limit, 50, 999)).toBe(limit);
  const caps: number[] = [];
  for (let now = 1_000; limit !== undefined; now += 1_000) {
    limit = raised(limit, 50, now);
    if (limit !== undefined) caps.push(limit.cap);
  }
  expect(caps).toEqual([36, 42, 49]);
});
