import { describe, expect, it } from 'vitest';
import {
  type Demand,
  givesLaneBack,
  idleFor,
  lanesNeeded,
  leastLoaded,
  type Supply,
  wantsLane,
} from './_lane_policy.ts';

const tuning = { maxLanes: 4, window: 32, depth: 8, lingerMs: 100 };

describe('leastLoaded()', () => {
  const lane = (inFlight: number, open = true) => ({ inFlight, open });
  it.each([
    ['the one with fewest in flight', [lane(5), lane(2), lane(9)], 1],
    ['not one that takes no more', [lane(5), lane(0, false), lane(9)], 0],
    ['none where all are full', [lane(32), lane(40)], -1],
    ['none of none', [], -1],
  ])('is %s', (_, lanes, wanted) => {
    expect(leastLoaded(lanes, 32)).toBe(lanes[wanted]);
  });
});

describe('wantsLane()', () => {
  const demand: Demand = {
    lanes: 1,
    open: 1,
    opening: false,
    fewest: 8,
    aheadMs: 0,
    limit: 10,
    others: 0,
  };
  it.each<[string, Partial<Demand>, string | undefined]>([
    ['the first', { lanes: 0, open: 0, fewest: undefined }, 'first'],
    ['one more as all are deep', {}, 'depth'],
    ['none while the least loaded has little to do', { fewest: 7 }, undefined],
    ['none while one is on its way', { opening: true, lanes: 0 }, undefined],
    ['none above the most', { lanes: 4, open: 4, fewest: 30 }, undefined],
    ['one more for those that are held up', { lanes: 5, open: 2, fewest: 9 }, 'depth'],
    ['one more as none takes any', { lanes: 2, open: 0, fewest: undefined }, 'held-up'],
    [
      'none that would leave no connection to others',
      { lanes: 2, limit: 3, fewest: 30 },
      undefined,
    ],
    ['the first even of a single connection', { lanes: 0, limit: 1, fewest: undefined }, 'first'],
    ['none while others wait', { others: 1, aheadMs: 9 }, undefined],
    ['one more than the most for work', { lanes: 4, open: 4, aheadMs: 2 }, 'work'],
    [
      'none for work that would take the last connection',
      { lanes: 9, open: 9, aheadMs: 9 },
      undefined,
    ],
  ])('is %s', (_, change, wanted) => {
    expect(wantsLane({ ...demand, ...change }, tuning)).toBe(wanted);
  });
});

describe('givesLaneBack()', () => {
  const supply: Supply = {
    lanes: 4,
    open: 4,
    peak: 60,
    peakMs: 0,
    lowForMs: 0,
    others: 0,
    otherConnections: 2,
    excess: 0,
  };
  it.each<[string, Partial<Supply>, string | undefined]>([
    ['nothing while all is well', {}, undefined],
    ['what the limit no longer allows', { excess: 1 }, 'limit'],
    ['what others wait for, down to what the windows need', { others: 1 }, 'contention'],
    ['not what the work needs', { others: 1, peak: 24, peakMs: 64 }, undefined],
    ['not what the windows need', { others: 1, open: 2, lanes: 2 }, undefined],
    [
      'the last one where all connections are lanes',
      { others: 1, lanes: 1, open: 1, otherConnections: 0 },
      'contention',
    ],
    [
      'the last one not where there are others',
      { others: 1, lanes: 1, open: 1, peak: 1 },
      undefined,
    ],
    ['one after a second of low load', { lowForMs: 1_000 }, 'low-load'],
    ['what was opened beside held up ones', { open: 5, lanes: 5 }, 'low-load'],
    ['not what work is worth', { open: 9, lanes: 9, peak: 18, peakMs: 36 }, undefined],
    ['nothing of none', { lanes: 0, open: 0, excess: 1 }, undefined],
  ])('is %s', (_, change, wanted) => {
    expect(givesLaneBack({ ...supply, ...change }, tuning)).toBe(wanted);
  });
});

it.each([
  ['as long as it lingers while nobody else waits', 1, 0, 5, 100],
  ['not at all beside another one', 2, 1, 5, 0],
  ['as long where it is the last one', 1, 1, 5, 100],
  ['not at all where nobody else could give a connection back', 1, 1, 0, 0],
])('a lane may be idle: %s', (_, lanes, others, otherConnections, wanted) => {
  expect(idleFor({ lanes, others, otherConnections }, tuning)).toBe(wanted);
});

it.each([
  [0, 0, 1],
  [4, 0, 1],
  [5, 0, 2],
  [64, 0, 4],
  [64, 128, 64],
  [3, 6, 3],
  [20, 5, 5],
])('%i in flight, of %i ms, need %i lanes', (peak, peakMs, wanted) => {
  expect(lanesNeeded(peak, peakMs, tuning)).toBe(wanted);
});
