import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecentMap } from './_recent_map.ts';

it('keeps what was used lately, whatever comes, and never more than its size', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 400 }), (keys) => {
      const dropped: string[] = [];
      const map = new RecentMap<number>(10, (key) => dropped.push(key));
      const recent: number[] = [];
      for (const key of keys) {
        const name = String(key);
        const kept = map.get(name);
        if (recent.slice(-5).includes(key)) expect(kept).toBe(key);
        if (kept === undefined) map.set(name, key);
        const at = recent.indexOf(key);
        if (at >= 0) recent.splice(at, 1);
        recent.push(key);
        expect(map.size).toBeLessThanOrEqual(10);
      }
      expect(new Set([...map.values()]).size).toBe(map.size);
    }),
  );
});

it('tells what it forgets', () => {
  const dropped: string[] = [];
  const map = new RecentMap<string>(4, (key) => dropped.push(key));
  for (const key of ['a', 'b', 'c', 'd', 'e']) map.set(key, key);
  expect(dropped).toEqual(['a', 'b']);
  map.delete('c');
  expect(map.get('c')).toBeUndefined();
  expect(map.get('e')).toBe('e');
});
