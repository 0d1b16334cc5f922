import { describe, expect, it } from 'vitest';
import { memoryCriteria } from './_memory_criteria.ts';
import type { MemoryManagementResult } from './memory_result.ts';

const good = {
  healthy: { checkouts: 1000, failed: 0, alarms: [], verdict: 'healthy' },
  leases: {
    dropped: 8,
    droppedInTransaction: 4,
    found: 8,
    named: 8,
    reclaimed: 8,
    stillLost: 0,
    tookMs: 900,
    locksFreed: 4,
    held: 4,
    heldStillWorking: 4,
    heldCalledLeaked: 0,
    leaks: [],
  },
  objects: { dropped: 50, found: 50, closed: 50, lost: [] },
  growth: { verdict: 'leak', kind: 'heap', growthMb: 100, points: 20, culprits: [] },
} as never as MemoryManagementResult;

const verdicts = (change: object) =>
  Object.fromEntries(memoryCriteria({ ...good, ...change }).map((c) => [c.id, c.verdict]));

describe('the criteria of scenario 4', () => {
  it('pass when every leak was found, named and stopped, and nothing else was', () => {
    expect(new Set(Object.values(verdicts({})))).toEqual(new Set(['pass']));
  });

  it.each([
    ['memory-false-alarms', { healthy: { ...good.healthy, alarms: ['held'] } }],
    ['memory-leaks-found', { leases: { ...good.leases, found: 7 } }],
    ['memory-leaks-named', { leases: { ...good.leases, named: 7 } }],
    ['memory-leaks-stopped', { leases: { ...good.leases, stillLost: 1 } }],
    ['memory-held-taken', { leases: { ...good.leases, heldStillWorking: 3 } }],
    ['memory-held-taken', { leases: { ...good.leases, heldCalledLeaked: 1 } }],
    ['memory-objects-found', { objects: { ...good.objects, found: 49 } }],
    ['memory-growth-found', { growth: { ...good.growth, verdict: 'healthy', kind: null } }],
    ['memory-growth-found', { growth: { ...good.growth, kind: 'off-heap' } }],
  ])('%s fails otherwise', (id, change) => {
    expect(verdicts(change)[id]).toBe('fail');
  });

  it('name who made the memory grow in words', () => {
    const said = (culprits: object[]) =>
      memoryCriteria({ ...good, growth: { ...good.growth, culprits } } as never).find(
        ({ id }) => id === 'memory-growth-found',
      )?.reason;
    const keeper = { functionName: 'keep', site: 'app.js:7', bytes: 1e8, share: 0.99, callers: [] };
    expect(said([keeper])).toContain(
      'verdict leak (heap), 100 MiB in the window, 99 % of what was allocated by keep at app.js:7',
    );
    expect(said([])).toContain('no culprit named');
  });

  it('are inconclusive where nothing was measured', () => {
    expect(verdicts({ leases: null })['memory-leaks-found']).toBe('inconclusive');
  });
});
