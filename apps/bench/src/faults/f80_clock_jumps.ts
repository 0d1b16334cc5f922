import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { answerOf } from './error_causes.ts';
import { atLeast, atMost, exactly, type Fault } from './fault.ts';

const HOUR_MS = 3_600_000;
const MAX = 4;
const DEADLINE_MS = 800;

export const clockJumps: Fault = {
  id: 'F80',
  name: 'clock-jumps',
  happens:
    'the machine’s clock is set an hour forward, then two hours back, while callers work and one waits',
  must: 'not take that for time that has passed: no connection closed, no deadline moved',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    exactly('reconnects', 0, 'connects begun'),
    {
      ...atLeast(
        'earliestMs',
        DEADLINE_MS - 50,
        'ms',
        'a caller with 800 ms is refused not before',
      ),
      optional: true,
    },
    { ...atMost('latestMs', DEADLINE_MS + 250, 'ms', 'and not after'), optional: true },
  ],
  async run(bench) {
    if (!bench.subject.keepsDeadlines) bench.note('its acquires have no deadline');
    const url = await bench.database();
    const port = Number(new URL(url).port);
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 5_000 });
    const full = await bench.open({ databaseUrl: url, max: 1, acquireTimeoutMs: DEADLINE_MS });
    const held = await full.acquire();
    const warm = await Promise.all(Array.from({ length: MAX }, () => pool.acquire()));
    for (const client of warm) await client.release();
    // One caller: the other connections are idle, but not for so long that a pool closes them.
    const callers = new Callers(pool, { callers: 1, betweenMs: 20 });
    const from = performance.now();
    const clock = new SetClock();
    const waits: number[] = [];
    try {
      for (const jumpMs of [HOUR_MS, -2 * HOUR_MS]) {
        const waiting = bench.subject.keepsDeadlines ? answerOf(full.acquire()) : undefined;
        await sleep(100);
        clock.jump(jumpMs);
        await sleep(1_500);
        if (waiting !== undefined) waits.push((await waiting).takenMs);
      }
    } finally {
      clock.restore();
    }
    const calls = Array.from({ length: MAX }, () => answerOf(pool.query('select pg_sleep(0.05)')));
    const late = (await Promise.all(calls)).filter(({ error }) => error !== undefined).length;
    const errors = callers.errors.length + late;
    await callers.stop();
    await held.release();
    return {
      errors,
      reconnects: bench.sockets.attempts(port, from),
      ...(bench.subject.keepsDeadlines
        ? { earliestMs: Math.min(...waits), latestMs: Math.max(...waits) }
        : {}),
    };
  },
};

/** `Date`, some time off, for the whole process. */
class SetClock {
  readonly #real = globalThis.Date;
  #offMs = 0;

  constructor() {
    const real = this.#real;
    const off = (): number => this.#offMs;
    globalThis.Date = class extends real {
      constructor(...args: []) {
        if (args.length === 0) super(real.now() + off());
        else super(...args);
      }

      static override now(): number {
        return real.now() + off();
      }
    } as DateConstructor;
  }

  jump(ms: number): void {
    this.#offMs += ms;
  }

  restore(): void {
    globalThis.Date = this.#real;
  }
}
