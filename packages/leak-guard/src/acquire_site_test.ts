import { expect, test } from 'vitest';
import { ESCALATION_MS, parseSite, SiteSampler } from './acquire_site.ts';

const share = (sampler: SiteSampler, acquires: number): number =>
  Array.from({ length: acquires }, () => sampler.chosen()).filter(Boolean).length / acquires;

test.each([
  ['disabled', 0],
  ['simple', 1 / 128],
  ['advanced', 1 / 16],
  ['paranoid', 1],
] as const)('level %s takes its share of the acquires, the first among them', (level, expected) => {
  const sampler = new SiteSampler(level, 8);
  expect(sampler.chosen()).toBe(expected > 0);
  const taken = share(sampler, 200_000);
  expect(Math.abs(taken - expected)).toBeLessThanOrEqual(expected * 0.05);
});

test('the sample is not in step with a caller whose pattern repeats every 128 acquires', () => {
  const sampler = new SiteSampler('simple', 8);
  const phases = new Set<number>();
  for (let i = 0; i < 100_000; i++) if (sampler.chosen()) phases.add(i % 128);
  expect(phases.size).toBeGreaterThan(100);
});

test('after a leak every acquire is taken, for ten minutes', () => {
  const sampler = new SiteSampler('simple', 8);
  sampler.escalate(1_000);
  sampler.tick(1_000 + ESCALATION_MS - 1);
  expect(share(sampler, 1_000)).toBe(1);
  sampler.tick(1_000 + ESCALATION_MS);
  expect(share(sampler, 10_000)).toBeLessThan(0.1);
});

test('a disabled sampler is not escalated', () => {
  const sampler = new SiteSampler('disabled', 8);
  sampler.escalate(0);
  expect(share(sampler, 1_000)).toBe(0);
});

test('the site is the caller of the entry function, and the stack limit is as before', () => {
  const sampler = new SiteSampler('paranoid', 3);
  const before = Error.stackTraceLimit;
  function library(): ReturnType<SiteSampler['take']> {
    return sampler.take(library);
  }
  function caller(): ReturnType<SiteSampler['take']> {
    return library();
  }
  const site = sampler.read(caller());
  expect(Error.stackTraceLimit).toBe(before);
  expect(site?.at).toMatch(/acquire_site_test\.ts:\d+:\d+$/);
  expect(site?.stack[0]).toContain('caller');
  expect(site?.stack).toHaveLength(3);
});

const STACK = `Error
    at Pool.take (/app/node_modules/@fynlo/pool-core/dist/mod.js:10:5)
    at connect (node:internal/process/task_queues:95:5)
    at async OrderService.pay (file:///app/src/order%20service.ts:42:20)
    at async /app/src/main.ts:7:3
    at new Promise (<anonymous>)`;

test('frames of libraries above the first of the user are cut, those below are kept', () => {
  expect(parseSite(STACK, 8)).toEqual({
    at: '/app/src/order service.ts:42:20',
    stack: [
      'at async OrderService.pay (file:///app/src/order%20service.ts:42:20)',
      'at async /app/src/main.ts:7:3',
    ],
  });
});

test.each([
  [
    'a stack of library frames only shows the innermost',
    'Error\n    at a (/x/node_modules/y/z.js:1:2)',
    '/x/node_modules/y/z.js:1:2',
  ],
  ['a bare location', 'Error\n    at /app/a.js:1:2', '/app/a.js:1:2'],
  ['a path of Windows', 'Error\n    at run (C:\\app\\a.js:1:2)', 'C:\\app\\a.js:1:2'],
  ['no frame', 'Error', undefined],
])('%s', (_name, stack, at) => {
  expect(parseSite(stack, 8)?.at).toBe(at);
});
