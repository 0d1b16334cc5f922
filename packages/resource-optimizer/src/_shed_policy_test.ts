import { expect, test } from 'vitest';
import type { AdmissionInput, ShedConfig } from './_shed_policy.ts';
import { nextShed, OPEN, openShare, refusal } from './_shed_policy.ts';

const CONFIG: ShedConfig = {
  queueAgeMs: 100,
  utilization: 0.95,
  afterMs: 100,
  releaseMs: 1000,
  drainMs: 2000,
  stallMs: 200,
  stallEveryMs: 10_000,
};

/** Observations as [at, queue age, utilisation]; returns the times at which shedding began (+) and ended (-). */
function turns(
  observations: Iterable<readonly [number, number, number?]>,
  watched = true,
): number[] {
  let state = OPEN;
  const seen: number[] = [];
  for (const [nowMs, queueAgeMs, utilization = 1] of observations) {
    const next = nextShed(state, { nowMs, queueAgeMs, utilization, watched }, CONFIG);
    if (next.shedding !== state.shedding) seen.push(next.shedding ? nowMs : -nowMs);
    state = next;
  }
  return seen;
}
function* every(
  stepMs: number,
  fromMs: number,
  toMs: number,
  age: (t: number) => number,
  utilization = 1,
) {
  for (let t = fromMs; t <= toMs; t += stepMs) yield [t, age(t), utilization] as const;
}

test('a young queue never sheds, however busy the loop', () => {
  expect(turns(every(10, 0, 5000, () => 100))).toEqual([]);
});

test('an old queue sheds once it has been old for long enough', () => {
  expect(turns(every(10, 0, 500, (t) => (t < 200 ? 0 : 101)))).toEqual([300]);
});

test('a queue that was old for a moment sheds nothing', () => {
  expect(turns(every(10, 0, 1000, (t) => (t % 200 < 90 ? 150 : 0)))).toEqual([]);
});

test('shedding ends after a second of calm, and a border value does not end it', () => {
  const border = every(10, 0, 5000, () => 101);
  const between = every(10, 5010, 8000, () => 80);
  const calm = every(10, 8010, 10_000, () => 0, 0.5);
  expect(turns([...border, ...between, ...calm])).toEqual([100, -9010]);
});

test('shedding does not end while the loop is saturated', () => {
  expect(turns([...every(10, 0, 500, () => 200), ...every(10, 510, 5000, () => 0, 0.99)])).toEqual([
    100,
  ]);
});

test('L11: what piled up while the loop stood still for 2 s is let drain', () => {
  const drain = every(10, 3000, 4500, (t) => 2000 - (t - 3000));
  const calm = every(10, 4510, 6000, () => 0, 0.2);
  expect(turns([...every(100, 0, 1000, () => 0, 0.2), ...drain, ...calm])).toEqual([]);
});

test('a short pause of the loop, of a full collection for instance, is let drain too', () => {
  const drain = every(10, 1180, 1400, (t) => Math.max(0, 180 - (t - 1180)));
  expect(turns([...every(100, 0, 1000, () => 0, 0.4), ...drain])).toEqual([]);
});

test('a backlog that hardly shrinks is shed: everybody behind it would be late', () => {
  const slow = every(10, 3000, 9000, (t) => 2000 - (t - 3000) * 0.1);
  expect(turns([...every(100, 0, 1000, () => 0), ...slow])).toEqual([3100]);
});

test('one that shrinks is let drain for two seconds, not for ever', () => {
  const long = every(10, 3000, 9000, (t) => 5000 - (t - 3000) * 0.5);
  expect(turns([...every(100, 0, 1000, () => 0), ...long])).toEqual([5000]);
});

test('an overload that follows a stall is shed at once', () => {
  const overload = every(10, 3000, 8000, () => 400);
  expect(turns([...every(100, 0, 1000, () => 0), ...overload])).toEqual([3100]);
});

test('a server of long synchronous tasks is not excused by every one of them', () => {
  const began = turns(every(400, 0, 8000, () => 900))[0] ?? Number.POSITIVE_INFINITY;
  expect(began).toBeLessThanOrEqual(1600);
});

test('a gap while nobody watched is no stall', () => {
  expect(
    turns(
      [
        [0, 0],
        [60_000, 200],
        [60_050, 200],
      ],
      false,
    ),
  ).toEqual([]);
});

const CALM: AdmissionInput = {
  priority: 'normal',
  shedding: false,
  turn: true,
  memory: 'normal',
  cpu: 'normal',
};

test.each<[string, Partial<AdmissionInput>, string | undefined]>([
  ['all is calm', {}, undefined],
  ['shedding, another one’s turn', { shedding: true, turn: false }, 'queue-age'],
  ['shedding, its turn', { shedding: true }, undefined],
  ['low, the queue is young again', { shedding: true, priority: 'low' }, 'event-loop'],
  ['low in calm', { priority: 'low' }, undefined],
  ['low at elevated', { priority: 'low', cpu: 'elevated', memory: 'elevated' }, undefined],
  ['low at high CPU', { priority: 'low', cpu: 'high' }, 'cpu'],
  ['normal at critical CPU', { cpu: 'critical' }, undefined],
  ['low at high memory', { priority: 'low', memory: 'high' }, 'memory'],
  ['normal at high memory', { memory: 'high' }, undefined],
  ['normal at critical memory', { memory: 'critical' }, 'memory'],
  [
    'critical with everything on fire',
    { priority: 'critical', shedding: true, turn: false, memory: 'critical', cpu: 'critical' },
    undefined,
  ],
])('refusal(): %s', (_, change, expected) => {
  expect(refusal({ ...CALM, ...change })).toBe(expected);
});

test.each([
  ['a short queue lets all in', 25, 0.1, 1],
  ['then a quarter more than could be served lately', 26, 0.4, 0.5],
  ['never more than all', 60, 0.9, 1],
  ['at the limit still so', 100, 0.4, 0.5],
  ['over it nobody', 101, 0.9, 0],
])('openShare(): %s', (_, ageMs, learned, expected) => {
  expect(openShare(ageMs, learned, CONFIG)).toBe(expected);
});
