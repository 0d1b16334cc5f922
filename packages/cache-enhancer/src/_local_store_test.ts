import { describe, expect, test } from 'vitest';
import { LocalStore, type NewEntry } from './_local_store.ts';
import { valueSize } from './_value_size.ts';

const MB = 1024 * 1024;

function entry(value: unknown, tags: readonly string[] = []): NewEntry {
  return {
    value,
    version: 'v',
    graceMs: 0,
    freshUntil: 1,
    refreshAt: 1,
    staleUntil: 1,
    provenUntil: 1,
    quietUntil: 0,
    epoch: 0,
    tags,
  };
}

describe('LocalStore', () => {
  test('C40: the byte bound holds with values of 1 MB', () => {
    const store = new LocalStore(8 * MB);
    for (let i = 0; i < 100; i++) {
      const value = 'x'.repeat(MB);
      store.set(`big:${i}`, entry(value), valueSize(value));
      expect(store.bytes()).toBeLessThanOrEqual(8 * MB);
    }
    expect(store.size).toBe(7);
    expect(store.evictions).toBe(93);
  });

  test('a value heavier than half of the store is not taken, and its older version is dropped', () => {
    const store = new LocalStore(MB);
    store.set('k', entry('small'), 50);
    store.set('k', entry('large'), MB * 0.6);
    expect(store.get('k')).toBeUndefined();
    expect(store.bytes()).toBe(0);
  });

  test('a tag forgets exactly its entries', () => {
    const store = new LocalStore(MB);
    store.set('a', entry(1, ['menu', 'tax']), 0);
    store.set('b', entry(2, ['menu']), 0);
    store.set('c', entry(3, ['tax']), 0);
    store.deleteTag('menu');
    expect([store.get('a'), store.get('b'), store.get('c')?.value]).toEqual([
      undefined,
      undefined,
      3,
    ]);
    store.deleteTag('tax');
    expect([store.size, store.bytes()]).toEqual([0, 0]);
  });

  test('shrink frees what it says', () => {
    const store = new LocalStore(MB);
    for (let i = 0; i < 1000; i++) store.set(`k${i}`, entry(i), 500);
    const before = store.bytes();
    const freed = store.shrink(before / 4);
    expect(store.bytes()).toBeLessThanOrEqual(before / 4);
    expect(freed).toBe(before - store.bytes());
    expect(store.shrink(MB)).toBe(0);
  });

  test('what it estimates is what the heap holds, at least four fifths and at most two and a half times of it', () => {
    const gc = (): void => {
      for (let i = 0; i < 3; i++) (globalThis.gc as () => void)();
    };
    const kept: LocalStore[] = [];
    const shapes: Record<string, (i: number) => unknown> = {
      row: (i) =>
        JSON.parse(
          `{"id":${i},"name":"espresso ${i}","price":${i + 0.5},"tags":["a${i}","b"],"on":true}`,
        ),
      text: (i) => `${'line '.repeat(60)}${i}`.split('').join(''),
      list: (i) => JSON.parse(`[${Array.from({ length: 50 }, (_, n) => n + i + 0.25)}]`),
    };
    for (const [name, make] of Object.entries(shapes)) {
      const store = new LocalStore(512 * MB);
      gc();
      kept.push(store);
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < 20_000; i++) {
        const value = make(i);
        store.set(`${name}:${i}`, entry(value), valueSize(value));
      }
      gc();
      const real = process.memoryUsage().heapUsed - before;
      expect(store.size, name).toBe(20_000);
      expect(store.bytes() / real, name).toBeGreaterThan(0.8);
      expect(store.bytes() / real, name).toBeLessThan(2.5);
    }
  });
});
