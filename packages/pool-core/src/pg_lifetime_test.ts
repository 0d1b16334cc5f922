/** What the end of many connections of the same age costs those who use the pool meanwhile. */
import { startPostgres } from '@fynlo/services/postgres';
import { expect, test } from 'vitest';
import { Oracle } from './_oracle_fixture.ts';
import { delay } from './_pg_conformance.ts';
import { Pool } from './pool.ts';

const SIZE = 500;
const CALLERS = 32;
/** Slices with retirements and slices without take turns, so that what else the machine does hits both. */
const SLICE_MS = 2_000;
const PAIRS = 6;
/** A twentieth of the pool a second, for as long as a slice lasts. */
const DYING = Math.floor((SIZE / 20) * (SLICE_MS / 1_000));

function p99(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(0.99 * values.length)] ?? Number.NaN;
}

test.runIf(process.env['FYNLO_LONG_TESTS'])(
  'F81 500 connections of the same age: at most 5 % a second are retired, and p99 of the users rises by a tenth at most',
  async () => {
    await using postgres = await startPostgres({
      external: false,
      auth: 'trust',
      settings: { max_connections: String(SIZE + 20) },
    });
    const beginMs = 15_000;
    const oracle = new Oracle(
      (own) =>
        new Pool({
          connectionString: postgres.url,
          max: SIZE,
          min: SIZE,
          idleTimeoutMillis: 0,
          connectionLifetimeMs: beginMs,
          ...own,
        }),
      postgres.url,
    );
    const { pool } = oracle;
    const begun = performance.now();
    const firstAt = begun + beginMs;
    await pool.warm(SIZE);
    expect(pool.totalCount).toBe(SIZE);
    // In place of the lifetime that all would have: a group dies in every other slice, the rest and what replaces them lives on.
    let born = 0;
    const given = new WeakSet<object>();
    const fate = (): void => {
      for (const entry of pool.manager.pool.entries()) {
        if (given.has(entry)) continue;
        given.add(entry);
        const group = Math.floor(born++ / DYING);
        entry.expiresAt = group < PAIRS ? firstAt + group * 2 * SLICE_MS : Number.POSITIVE_INFINITY;
      }
    };
    fate();
    const fates = setInterval(fate, 1_000);
    expect(performance.now()).toBeLessThan(begun + 0.9 * beginMs);

    const samples: [quiet: number[], dying: number[]] = [[], []];
    const retiredBySecond = new Map<number, number>();
    pool.observe({
      destroyed: () => {
        const second = Math.floor((performance.now() - begun) / 1_000);
        retiredBySecond.set(second, (retiredBySecond.get(second) ?? 0) + 1);
      },
    });
    const endAt = firstAt + 2 * PAIRS * SLICE_MS;
    await delay(firstAt - performance.now());
    async function call(): Promise<void> {
      while (performance.now() < endAt) {
        const at = performance.now();
        await pool.query('select pg_sleep(0.005)');
        const slice = Math.floor((at - firstAt) / SLICE_MS) % 2;
        samples[slice === 0 ? 1 : 0].push(performance.now() - at);
        await delay(10);
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, call));
    clearInterval(fates);
    const [quiet, dying] = samples.map(p99) as [number, number];
    const retired = pool.stats().destroyed;
    console.log(
      JSON.stringify({
        quiet,
        dying,
        ratio: dying / quiet,
        samples: samples.map((s) => s.length),
        retired,
        bySecond: [...retiredBySecond.values()],
      }),
    );
    expect(retired['lifetime']).toBeGreaterThan(0.8 * PAIRS * DYING);
    expect(Math.max(...retiredBySecond.values())).toBeLessThanOrEqual(SIZE / 20 + 1);
    expect(dying / quiet).toBeLessThan(1.1);
    await oracle.ended(5_000);
  },
  120_000,
);
