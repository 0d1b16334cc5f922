import { expect, test } from 'vitest';
import type { TrimInput } from './_trim_policy.ts';
import { decideTrim } from './_trim_policy.ts';

const MIB = 1024 * 1024;
const CONFIG = {
  minReclaimableBytes: 64 * MIB,
  maxUtilization: 0.3,
  cooldownMs: 60_000,
  maxStallMs: 100,
};
const IDLE: TrimInput = {
  level: 'normal',
  utilization: 0.05,
  reclaimableBytes: 300 * MIB,
  liveBytes: 50 * MIB,
  sinceLastTrimMs: undefined,
  poorTrims: 0,
  inspected: false,
};

test.each<[string, Partial<TrimInput>, boolean, RegExp]>([
  ['idle with much to gain', {}, true, /300 MiB look reclaimable/],
  ['too little to gain', { reclaimableBytes: 63 * MIB }, false, /63 MiB.*at least 64 MiB/],
  ['a busy loop', { utilization: 0.3 }, false, /30 % busy, wanted under 30 %/],
  ['a busy loop at high memory', { level: 'high', utilization: 0.9 }, false, /90 % busy/],
  ['a busy loop at critical memory', { level: 'critical', utilization: 1 }, true, /100 % busy/],
  ['within the cooldown', { sinceLastTrimMs: 59_000 }, false, /59 s ago, wanted 60 s/],
  ['after the cooldown', { sinceLastTrimMs: 60_000 }, true, /reclaimable/],
  [
    'after a poor trim the cooldown doubles',
    { sinceLastTrimMs: 90_000, poorTrims: 1 },
    false,
    /wanted 120 s/,
  ],
  [
    'the cooldown grows to 32 times, not for ever',
    { sinceLastTrimMs: 1_921_000, poorTrims: 40 },
    true,
    /reclaimable/,
  ],
  [
    'critical memory waits a sixth',
    { level: 'critical', sinceLastTrimMs: 10_000 },
    true,
    /reclaimable/,
  ],
  [
    'a large live heap would stop the program for long',
    { liveBytes: 500 * MIB },
    false,
    /about 450 ms, wanted at most 100 ms/,
  ],
  [
    'a large live heap under pressure',
    { liveBytes: 500 * MIB, level: 'high' },
    true,
    /reclaimable/,
  ],
  ['a debugger is attached', { inspected: true, level: 'critical' }, false, /debugger/],
])('decideTrim(): %s', (_, change, trim, reason) => {
  const decision = decideTrim({ ...IDLE, ...change }, CONFIG);
  expect(decision.trim).toBe(trim);
  expect(decision.reason).toMatch(reason);
});
