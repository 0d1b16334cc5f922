import type { Clock, TimerLike } from './clock.ts';

/** Time that passes when the simulation says so, without a single promise. */
export class SimulatedClock implements Clock {
  nowMs = 0;
  #timers: { at: number; fn: () => void }[] = [];
  now(): number {
    return this.nowMs;
  }
  wallNow(): number {
    return this.nowMs;
  }
  setTimeout(fn: () => void, ms: number): TimerLike {
    const timer = { at: this.nowMs + ms, fn };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }
  to(ms: number): void {
    this.nowMs = ms;
    const due = this.#timers.filter(({ at }) => at <= ms);
    this.#timers = this.#timers.filter(({ at }) => at > ms);
    for (const { fn } of due) fn();
  }
}
