/** What the end of many connections of the same age costs those who use the pool meanwhile. */
import { startPostgres } from '@fynlo/services/postgres';
import { expect, test } from 'vitest';
import { Oracle } from './_oracle_fixture.ts';
import { delay } from './_pg_conformance.ts';
import { Pool } from './pool.ts';

const SIZE = 500;
/** Some half of what two cores serve beside so many backends. */
const CALLERS = 16;
/** Slices with retirements and slices without take turns, so that what else the machine does hits both. */
const SLICE_MS = 2_000;
const PAIRS = 6;
/** As many as may, `retirePerSecond`, for as long as a slice lasts: all are past their age at once. */
const DYING = (SIZE / 100) * (SLICE_MS / 1_000);

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

function p99(values: readonly number[]): number {
  return sorted(values)[Math.floor(0.99 * values.length)] ?? Number.NaN;
}

function median(ascending: readonly number[]): number {
  return ascending[Math.floor(ascending.length / 2)] ?? Number.NaN;
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
          minConnections: SIZE,
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

    const slices: number[][] = Array.from({ length: 2 * PAIRS }, () => []);
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
        slices[Math.floor((at - firstAt) / SLICE_MS)]?.push(performance.now() - at);
        await delay(10);
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, call));
    clearInterval(fates);
    expect(pool.totalCount).toBe(SIZE);
    const dying = sorted(slices.filter((_, i) => i % 2 === 0).map(p99));
    const quiet = sorted(slices.filter((_, i) => i % 2 === 1).map(p99));
    const retired = pool.stats().destroyed;
    console.log(JSON.stringify({ quiet, dying, retired, bySecond: [...retiredBySecond.values()] }));
    expect(retired['lifetime']).toBeGreaterThan(0.8 * PAIRS * DYING);
    expect(Math.max(...retiredBySecond.values())).toBeLessThanOrEqual(SIZE / 20);
    // A tenth more, or what the machine does by itself in a bad slice: the next to last of those without.
    const most = Math.max(1.1 * median(quiet), quiet.at(-2) ?? 0);
    expect(median(dying)).toBeLessThan(most);
    await oracle.ended(5_000);
  },
  120_000,
);
