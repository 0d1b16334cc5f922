import { describe, expect, it } from 'vitest';
import {
  connectionsToClose,
  connectsDemanded,
  type Demand,
  type LoadTick,
  sizeForGrowth,
} from './_scaling_policy.ts';
import { DEFAULT_TUNING } from './tuning_options.ts';

const demandTuning = { waitTargetMs: 20, connectGuessMs: 15 };
const calm: Demand = {
  waiting: 0,
  connecting: 0,
  working: 10,
  holdMs: 2,
  silentMs: 0,
  connectMs: 150,
  oldestWaitMs: 0,
};

describe('connectsDemanded()', () => {
  it.each<[string, Partial<Demand>, number]>([
    ['nobody waits', {}, 0],
    ['nothing is out that could come back: one each', { waiting: 7, working: 0 }, 7],
    [
      'fifty of 2 ms on five, a connect of 150 ms: they are served first',
      { waiting: 50, working: 5 },
      0,
    ],
    ['a thousand: 750 are served while a connect takes', { waiting: 1_000 }, 250],
    ['holds of 10 s: a connect is sooner for each', { waiting: 5, holdMs: 10_000 }, 5],
    ['nothing is known yet: one to try', { waiting: 9, holdMs: undefined }, 1],
    [
      'nothing is known, and the first has waited for too long',
      { waiting: 9, holdMs: undefined, oldestWaitMs: 20 },
      9,
    ],
    [
      'the first has waited for too long whatever was predicted: one',
      { waiting: 5, oldestWaitMs: 20 },
      1,
    ],
    [
      'nothing has come back for a second: the mean was about another load',
      { waiting: 5, silentMs: 1_000, oldestWaitMs: 1_000 },
      5,
    ],
    ['a pause of this process, shorter than anybody should wait', { waiting: 50, silentMs: 10 }, 0],
    [
      'no connect has been timed yet: the guess of 15 ms',
      { waiting: 100, connectMs: undefined },
      25,
    ],
    ['holds too short to be timed', { waiting: 5, holdMs: 0 }, 0],
  ])('%s', (_, change, wanted) => {
    expect(connectsDemanded({ ...calm, ...change }, demandTuning)).toBe(wanted);
  });
});

describe('sizeForGrowth()', () => {
  const tuning = { ...DEFAULT_TUNING, scalingThreshold: 0.8 };
  const ticks = (...utilizations: number[]): LoadTick[] =>
    utilizations.map((utilization) => ({ utilization, leased: utilization * 20, idle: 0 }));

  it.each([
    ['one busy tick is no load', ticks(0.5, 0.5, 0.9), undefined],
    ['two of three are: 18 leased want 28 connections', ticks(0.9, 0.5, 0.9), 28],
    ['at most half as many again', ticks(1, 1, 1), 30],
    ['exactly at the threshold is not above it', ticks(0.8, 0.8, 0.8), undefined],
    ['what was busy before the last three does not count', ticks(1, 1, 0.1, 0.1, 0.1), undefined],
    ['nothing is known at first', ticks(), undefined],
  ])('%s', (_, given, wanted) => {
    expect(sizeForGrowth(given, 20, tuning)).toBe(wanted);
  });

  it('never asks for what there is', () => {
    const given: LoadTick[] = [
      { utilization: 0.9, leased: 2, idle: 0 },
      { utilization: 0.9, leased: 2, idle: 0 },
    ];
    expect(sizeForGrowth(given, 20, tuning)).toBeUndefined();
  });
});

describe('connectionsToClose()', () => {
  const tuning = {
    scaleDownThreshold: 0.3,
    targetUtilization: 0.65,
    shrinkWindowTicks: 4,
    shrinkAfterGrowthMs: 60_000,
    shrinkPerTick: 0.1,
  };
  const quiet: LoadTick = { utilization: 0.1, leased: 10, idle: 90 };
  const surplus = {
    ticks: [quiet, quiet, quiet, quiet],
    size: 100,
    min: 10,
    idleTooLong: 80,
    sinceGrowthMs: 120_000,
  };

  it.each([
    ['a tenth of the size', {}, { close: 10, reason: 'utilization-low' }],
    ['nothing soon after growth', { sinceGrowthMs: 59_999 }, undefined],
    ['nothing that is not idle for long enough', { idleTooLong: 0 }, undefined],
    ['nothing below the minimum', { size: 10 }, undefined],
    [
      'not more than is above the minimum',
      {
        size: 13,
        idleTooLong: 13,
        ticks: Array(4).fill({ utilization: 0.1, leased: 1, idle: 12 }),
      },
      { close: 1, reason: 'utilization-low' },
    ],
    ['one, while the window is not full', { ticks: [quiet, quiet] }, { close: 1, reason: 'idle' }],
    [
      'one, when a tick of the window was busier',
      { ticks: [quiet, { utilization: 0.3, leased: 30, idle: 70 }, quiet, quiet] },
      { close: 1, reason: 'idle' },
    ],
    [
      'not what the peak of the window needs',
      { size: 30, ticks: Array(4).fill({ utilization: 0.29, leased: 19, idle: 10 }) },
      undefined,
    ],
    [
      'not more than were idle in the median tick',
      { ticks: [quiet, { ...quiet, idle: 3 }, { ...quiet, idle: 2 }, { ...quiet, idle: 3 }] },
      { close: 3, reason: 'utilization-low' },
    ],
  ])('closes %s', (_, change, wanted) => {
    expect(connectionsToClose({ ...surplus, ...change }, tuning)).toEqual(wanted);
  });
});
