import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { StubClient } from './_pg_stub_client.ts';
import { Pool } from './pool.ts';

const MB = 1_048_576;

/** What the pool asks of an AbortSignal. 100 000 of Node's own, each with an error, take ten times as long as what is tested. */
class LightSignal {
  aborted = false;
  readonly reason = 'no longer wanted';
  listener: (() => void) | undefined;

  addEventListener(_: 'abort', listener: () => void): void {
    this.listener = listener;
  }
  removeEventListener(_: 'abort', listener: () => void): void {
    if (this.listener === listener) this.listener = undefined;
  }
  abort(): void {
    this.aborted = true;
    this.listener?.();
  }
}

async function heapMb(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('wants --expose-gc');
  // Twice: what finalizers and immediates let go of is collected as well.
  for (let i = 0; i < 2; i++) {
    await setImmediate();
    gc();
  }
  return process.memoryUsage().heapUsed / MB;
}

describe('a pool in a storm', () => {
  beforeEach(() => StubClient.reset());
  const make = (max: number): Pool => new Pool({ max, Client: StubClient } as never);

  test('F48 100 000 wait and 90 % leave: the others are served in order, and the heap is as before', async () => {
    await using pool = make(2);
    const storm = async (): Promise<void> => {
      const held = [await pool.connect(), await pool.connect()];
      const signals: LightSignal[] = [];
      const served: number[] = [];
      let refused = 0;
      const callers = Array.from({ length: 100_000 }, async (_, i) => {
        const signal = new LightSignal();
        if (i % 10 !== 3) signals.push(signal);
        try {
          const lease = await pool.getConnection({ signal: signal as unknown as AbortSignal });
          served.push(i);
          await lease.release();
        } catch {
          refused++;
        }
      });
      expect(pool.waitingCount).toBe(100_000);
      for (const signal of signals) signal.abort();
      expect(pool.waitingCount).toBe(10_000);
      for (const client of held) client.release();
      await Promise.all(callers);
      expect(refused).toBe(90_000);
      expect(served).toEqual(Array.from({ length: 10_000 }, (_, i) => 10 * i + 3));
      expect(pool.waitingCount).toBe(0);
      pool.manager.pool.assertInvariants();
    };
    await storm();
    const before = await heapMb();
    await storm();
    await storm();
    expect((await heapMb()) - before).toBeLessThan(3);
  }, 60_000);

  test('a million cycles leave neither a listener nor a closure behind', async () => {
    await using pool = make(4);
    let asked = 0;
    const cycles = async (until: number): Promise<void> => {
      const caller = async (): Promise<void> => {
        while (asked < until) {
          switch (asked++ % 4) {
            case 0:
              (await pool.connect()).release();
              break;
            case 1:
              await (await pool.getConnection({ label: 'of one cycle' })).release();
              break;
            case 2:
              await pool.query('select 1');
              break;
            default:
              await new Promise<void>((resolve) =>
                pool.connect((_error, _client, done) => {
                  done();
                  resolve();
                }),
              );
          }
        }
      };
      await Promise.all(Array.from({ length: 16 }, caller));
    };
    await cycles(100_000);
    const before = await heapMb();
    const listeners = StubClient.made.map((client) => listenersOf(client));
    await cycles(1_100_000);
    // One word per cycle would be 8 MB.
    expect((await heapMb()) - before).toBeLessThan(2);
    expect(StubClient.made.map((client) => listenersOf(client))).toEqual(listeners);
    expect(StubClient.made).toHaveLength(4);
    expect(pool.stats()).toMatchObject({ acquires: 1_100_000, releases: 1_100_000, leased: 0 });
  }, 120_000);
});

function listenersOf(client: StubClient): Record<string, number> {
  return Object.fromEntries(
    client.eventNames().map((name) => [String(name), client.listenerCount(name)]),
  );
}
