import { expect, test } from 'vitest';
import { LoopTurns } from './_loop_turns.ts';

/** A clock moved by hand; the turns are those of the real loop. */
function setUp() {
  const clock = {
    nowMs: 1000,
    now: () => clock.nowMs,
    wallNow: () => clock.nowMs,
    setTimeout: () => ({ cancel: () => undefined }),
  };
  return { clock, turns: new LoopTurns(clock) };
}
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('requests of one turn have waited since it began', async () => {
  const { clock, turns } = setUp();
  expect(turns.waitedMs(clock.now())).toBe(0);
  for (const waited of [0, 30, 60, 90]) {
    turns.enter(clock.now());
    expect(turns.waitedMs(clock.now())).toBe(waited);
    clock.nowMs += 30;
  }
  await nextTurn();
  expect(turns.waitedMs(clock.now())).toBe(0);
});

test('those of the turn right after it may have waited all through the one before', async () => {
  const { clock, turns } = setUp();
  turns.enter(clock.now());
  turns.enter(clock.now());
  clock.nowMs += 80;
  await nextTurn();
  turns.enter(clock.now());
  expect(turns.waitedMs(clock.now())).toBe(80);
  await nextTurn();
});

test('after the loop has slept nothing is carried over', async () => {
  const { clock, turns } = setUp();
  turns.enter(clock.now());
  turns.enter(clock.now());
  clock.nowMs += 80;
  await nextTurn();
  clock.nowMs += 50;
  turns.enter(clock.now());
  expect(turns.waitedMs(clock.now())).toBe(0);
  await nextTurn();
});

test('a turn with a single request in it was one long function, not a queue', async () => {
  const { clock, turns } = setUp();
  turns.enter(clock.now());
  clock.nowMs += 2000;
  await nextTurn();
  turns.enter(clock.now());
  expect(turns.waitedMs(clock.now())).toBe(0);
  await nextTurn();
});
