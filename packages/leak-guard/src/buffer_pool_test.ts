import { expect, test } from 'vitest';
import { BufferPool } from './buffer_pool.ts';
import { MemoryLeakPrevention } from './memory_leak_prevention.ts';
import type { LeakedLease, LostObject } from './report.ts';

test.each([
  [0, 1_024],
  [1, 1_024],
  [1_024, 1_024],
  [1_025, 2_048],
  [1_048_576, 1_048_576],
])('a request for %i bytes is served from the class of %i', (size, bytes) => {
  const pool = new BufferPool();
  const buffer = pool.acquire(size);
  expect(buffer).toHaveLength(size);
  expect(pool.stats()).toMatchObject({ lent: 1, misses: 1 });
  pool.release(buffer);
  expect(pool.stats()).toMatchObject({ lent: 0, idleBytes: bytes, idleByClass: { [bytes]: 1 } });
});

test('a released buffer is lent again, to one borrower at a time', () => {
  const pool = new BufferPool();
  const first = pool.acquire(5_000);
  const memory = first.buffer;
  pool.release(first);
  const second = pool.acquire(6_000);
  const third = pool.acquire(6_000);
  expect(second.buffer).toBe(memory);
  expect(third.buffer).not.toBe(memory);
  expect(pool.stats()).toMatchObject({ hits: 1, misses: 2, lent: 2 });
});

test('a part of a buffer gives the whole back', () => {
  const pool = new BufferPool();
  pool.release(pool.acquire(2_000).subarray(100, 200));
  expect(pool.stats()).toMatchObject({ lent: 0, idleBytes: 2_048 });
});

test('what is not lent is refused: released before, or from elsewhere', () => {
  const pool = new BufferPool();
  const buffer = pool.acquire(10);
  pool.release(buffer);
  const refused = expect.objectContaining({ code: 'ERR_LEAK_GUARD_BUFFER_NOT_LENT' });
  expect(() => pool.release(buffer)).toThrow(refused);
  expect(() => pool.release(Buffer.alloc(10))).toThrow(refused);
  expect(() => pool.release(new BufferPool().acquire(10))).toThrow(refused);
  expect(pool.stats()).toMatchObject({ lent: 0, idleBytes: 1_024 });
});

test('idle bytes stay within the cap, and what is too large is not kept', () => {
  const pool = new BufferPool({ maxBytes: 4_096, maxIdleBytes: 8_192 });
  const buffers = [4_096, 4_096, 4_096, 10_000].map((size) => pool.acquire(size));
  for (const buffer of buffers) pool.release(buffer);
  expect(pool.stats()).toMatchObject({ idleBytes: 8_192, dropped: 2, lent: 0 });
});

test('shrink() lets idle buffers go, the largest first', () => {
  const pool = new BufferPool();
  for (const buffer of [1_024, 1_024, 65_536].map((size) => pool.acquire(size)))
    pool.release(buffer);
  expect(pool.shrink(10_000)).toBe(2_048);
  expect(pool.stats()).toMatchObject({ idleBytes: 2_048, dropped: 1 });
  expect(pool.shrink(0)).toBe(0);
});

test('a buffer that is never released is told of by the guard, and its memory is free', async () => {
  const guard = new MemoryLeakPrevention({ level: 'paranoid' });
  const lost: (LeakedLease | LostObject)[] = [];
  guard.on('leak', (leak) => lost.push(leak));
  const pool = new BufferPool({ guard });
  const kept = pool.acquire(100);
  (() => pool.acquire(100))();
  const { trackedLost } = await guard.checkForLeaks();
  await expect.poll(() => lost.length, { timeout: 10_000 }).toBe(1);
  expect(lost[0]).toMatchObject({ type: 'object', kind: 'buffer', occurrences: 1 });
  expect(lost[0]?.site).toMatch(/buffer_pool_test\.ts:\d+/);
  expect(trackedLost).toHaveLength(1);
  expect(pool.stats().lent).toBe(1);
  pool.release(kept);
  await guard.stop();
});

test.each([
  [{ minBytes: 1_000 }, 'minBytes'],
  [{ maxBytes: 512 }, 'maxBytes'],
  [{ maxIdleBytes: -1 }, 'maxIdleBytes'],
])('%j is refused', (options, field) => {
  expect(() => new BufferPool(options)).toThrow(expect.objectContaining({ field }));
});

test.each([-1, 1.5, Number.NaN])('a request for %s bytes is refused', (size) => {
  expect(() => new BufferPool().acquire(size)).toThrow(expect.objectContaining({ field: 'size' }));
});
