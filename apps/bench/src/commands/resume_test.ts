import { expect, test } from 'vitest';
import type { ResultFile } from '../results/result_file.ts';
import type { RoundPlan } from '../rounds/round_plan.ts';
import type { LoadFlags } from './load_flags.ts';
import { askedOf, refuseOtherwiseAsked } from './resume.ts';

type Flags = LoadFlags & { readonly profile?: string; readonly seed?: number };

const params = { callers: 64, connections: 10, warmupMs: 1000, durationMs: 2500 };

const file = (flags: Flags, more: object = {}): ResultFile =>
  ({
    ...{ command: 'fynlo-bench run P6', asked: askedOf(flags), scenarios: [{ id: 'P6', params }] },
    ...more,
  }) as unknown as ResultFile;

const resume = (kept: ResultFile, flags: Flags, planned: object = params): void =>
  refuseOtherwiseAsked('a.json', {
    kept,
    asked: askedOf(flags),
    plan: [{ scenario: { id: 'P6' }, params: planned } as unknown as RoundPlan],
  });

test.each<[Flags, Flags, string]>([
  [{}, { profile: 'quick' }, '--profile full there, --profile quick here'],
  [{ seed: 3 }, {}, '--seed 3 there, --seed 1 here'],
  [{}, { rate: 100 }, 'no --rate there, --rate 100 here'],
  [{ closed: true }, {}, '--closed there, no --closed here'],
  [{ duration: 1 }, { duration: 4 }, '--duration 1 there, --duration 4 here'],
  [{}, { pool: ['fynlo,pg.Pool'] }, 'no --pool there, --pool fynlo,pg.Pool here'],
])('a file made with %j is not resumed with %j, and the message says so', (made, now, message) => {
  expect(() => resume(file(made), now)).toThrow(
    `Cannot resume a.json: ${message}. Give the flags it was made with (fynlo-bench run P6), or measure anew without --resume`,
  );
});

test('a file is resumed with the flags it was made with, given or as defaults', () => {
  expect(() => resume(file({}), {})).not.toThrow();
  expect(() => resume(file({}), { profile: 'full', seed: 1 })).not.toThrow();
  expect(() => resume(file({ rate: 9, seed: 2 }), { seed: 2, rate: 9 })).not.toThrow();
});

test('a file is not resumed with a row whose scenario now has another load', () => {
  expect(() => resume(file({}), {}, { ...params, warmupMs: 3000 })).toThrow(
    'Cannot resume a.json: P6: 1000 ms of warm-up before, 3000 ms of warm-up after. Give',
  );
});

test('a file is not resumed when an earlier run in it was asked otherwise, or does not say', () => {
  const mixed = (asked: unknown) => file({}, { earlier: [{ asked, rows: ['P7'] }] });
  expect(() => resume(mixed(askedOf({})), {})).not.toThrow();
  expect(() => resume(mixed(askedOf({ seed: 7 })), {})).toThrow('--seed 7 there, --seed 1 here');
  expect(() => resume(mixed(undefined), {})).toThrow(
    'it does not say what it was asked for. Measure anew without --resume',
  );
});

test('a file of which no row stays is resumed with any flags', () => {
  const broken = file({}, { scenarios: [{ id: 'P6', params, failure: 'it broke' }] });
  expect(() => resume(broken, { seed: 2 })).not.toThrow();
});
