import { FakeClock } from '@fynlo/testing/fake-clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestWaiter } from './_pool_fixture.ts';
import { WaitingRoom } from './_waiting_room.ts';
import type { Waiter } from './waiter.ts';

function open(clock: FakeClock) {
  const expired: Waiter<unknown>[] = [];
  const room: WaitingRoom<unknown> = new WaitingRoom<unknown>(clock, (waiter) => {
    expired.push(waiter);
    room.remove(waiter);
  });
  const enter = (timeoutMs: number): Waiter<unknown> => {
    const waiter = new TestWaiter() as unknown as Waiter<unknown>;
    waiter.since = clock.now();
    waiter.timeoutMs = timeoutMs;
    room.add(waiter, clock.now());
    return waiter;
  };
  return { room, enter, expired };
}

describe('WaitingRoom', () => {
  it('gives up on everybody at the right time, whatever the order of deadlines, and serves in order of arrival', async () => {
    const timeouts = fc.oneof(
      fc.constant(1_000),
      fc.integer({ min: 1, max: 2_000 }),
      fc.constant(Number.POSITIVE_INFINITY),
    );
    const steps = fc.array(
      fc.oneof(
        fc.record({ step: fc.constant('enter' as const), timeoutMs: timeouts }),
        fc.record({ step: fc.constant('serve' as const) }),
        fc.record({ step: fc.constant('leave' as const), pick: fc.nat() }),
        fc.record({ step: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 400 }) }),
      ),
      { minLength: 1, maxLength: 150, size: 'max' },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (program) => {
        const clock = new FakeClock();
        const { room, enter, expired } = open(clock);
        let queue: Waiter<unknown>[] = [];
        for (const step of program) {
          expired.length = 0;
          if (step.step === 'enter') queue.push(enter(step.timeoutMs));
          else if (step.step === 'time') await clock.advance(step.ms);
          else if (queue.length > 0) {
            const index = step.step === 'serve' ? 0 : step.pick % queue.length;
            const [waiter] = queue.splice(index, 1) as [Waiter<unknown>];
            if (step.step === 'serve') expect(room.head).toBe(waiter);
            room.remove(waiter);
            expect([waiter.before, waiter.after, waiter.queued]).toEqual([
              undefined,
              undefined,
              false,
            ]);
          }
          const due = queue.filter((waiter) => waiter.deadline <= clock.now());
          expect(new Set(expired)).toEqual(new Set(due));
          const deadlines = expired.map((waiter) => waiter.deadline);
          expect(deadlines).toEqual([...deadlines].sort((a, b) => a - b));
          queue = queue.filter((waiter) => !due.includes(waiter));
          expect(room.length).toBe(queue.length);
          expect(room.head).toBe(queue[0]);
          expect(clock.pendingTimers()).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('sets one timer for ten thousand, and none for those who never give up', () => {
    const clock = new FakeClock();
    const { enter } = open(clock);
    for (let i = 0; i < 10_000; i++) enter(Number.POSITIVE_INFINITY);
    expect(clock.pendingTimers()).toBe(0);
    for (let i = 0; i < 10_000; i++) enter(i % 2 === 0 ? 30_000 : 30_000 - i);
    expect(clock.pendingTimers()).toBe(1);
  });
});
