import { expect, test } from 'vitest';
import { faultsOf, type PlannedFault } from './_soak_plan_fixture.ts';
import { transfersOf } from './_soak_workload_fixture.ts';

function first<T>(count: number, of: Iterator<T>): T[] {
  return Array.from({ length: count }, () => of.next().value);
}

test('faultsOf() makes the same faults after the same commits of the same seed, others of another', () => {
  expect(first(60, faultsOf(42))).toEqual(first(60, faultsOf(42)));
  expect(first(60, faultsOf(42))).not.toEqual(first(60, faultsOf(43)));
});

test('transfersOf() makes the same transfers of the same seed and caller, others of another of either', () => {
  const some = first(200, transfersOf(42, 7));
  expect(first(200, transfersOf(42, 7))).toEqual(some);
  const shapes = (seed: number, caller: number): object[] =>
    first(200, transfersOf(seed, caller)).map(({ id: _, ...shape }) => shape);
  expect(shapes(42, 8)).not.toEqual(shapes(42, 7));
  expect(shapes(43, 7)).not.toEqual(shapes(42, 7));
});

test('transfersOf() numbers the transfers of all callers apart, and none leads to the account it comes from', () => {
  const all = Array.from({ length: 24 }, (_, caller) => first(100, transfersOf(1, caller))).flat();
  expect(new Set(all.map(({ id }) => id)).size).toBe(2_400);
  expect(all.filter(({ from, to }) => from === to)).toEqual([]);
});

test.each([1, 2, 3, 4, 5])(
  'faultsOf() begins with what matters, and has all kinds among a thousand (seed %d)',
  (seed) => {
    const kinds = (faults: PlannedFault[]): string[] => faults.map(({ fault }) => fault.kind);
    expect(kinds(first(4, faultsOf(seed))).sort()).toEqual([
      'blackhole-to-client',
      'crash',
      'reset',
      'terminate',
    ]);
    expect(new Set(kinds(first(1_000, faultsOf(seed)))).size).toBe(14);
  },
);
