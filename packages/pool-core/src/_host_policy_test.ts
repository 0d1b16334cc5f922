import { describe, expect, test } from 'vitest';
import {
  addressTime,
  inOrder,
  isKnown,
  type Outcome,
  type ServerRole,
  type Wanted,
  whyUnfit,
} from './_host_policy.ts';

const primary: ServerRole = { standby: false, readOnly: false, lagMs: 0 };
const readOnlyPrimary: ServerRole = { standby: false, readOnly: true, lagMs: 0 };
const standby: ServerRole = { standby: true, readOnly: false, lagMs: 20 };
const late: ServerRole = { standby: true, readOnly: false, lagMs: 5_000 };
const NEVER = Number.POSITIVE_INFINITY;

describe('whyUnfit()', () => {
  test.each<[Wanted['attrs'], boolean, boolean, boolean]>([
    // wanted, and whether a primary, a primary that reads only, a standby will do
    ['any', true, true, true],
    ['read-write', true, false, false],
    ['read-only', false, true, true],
    ['primary', true, true, false],
    ['standby', false, false, true],
  ])('%s: primary %s, read-only primary %s, standby %s, as in libpq', (attrs, ...fits) => {
    const found = [primary, readOnlyPrimary, standby].map(
      (role) => whyUnfit(role, { attrs, maxLagMs: NEVER }) === undefined,
    );
    expect(found).toEqual(fits);
  });

  test('a standby beyond the lag limit will not do whatever is wanted, a primary never lags', () => {
    const wanted: Wanted = { attrs: 'any', maxLagMs: 1_000 };
    expect(whyUnfit(late, wanted)).toBe('is 5000 ms behind its primary (maxReplicaLagMs 1000)');
    expect(whyUnfit(standby, wanted)).toBeUndefined();
    expect(whyUnfit(primary, wanted)).toBeUndefined();
  });
});

describe('isKnown()', () => {
  test.each<[string, ServerRole, Wanted['attrs'], number, boolean]>([
    ['any asks nothing', {}, 'any', NEVER, true],
    ['a role asks whether it is a standby', {}, 'primary', NEVER, false],
    ['which is enough', { standby: true }, 'standby', NEVER, true],
    ['read-write also asks for the default', { standby: false }, 'read-write', NEVER, false],
    ['a lag limit asks a standby', { standby: true }, 'any', 100, false],
    ['but no primary', { standby: false }, 'any', 100, true],
  ])('%s', (_, role, attrs, maxLagMs, known) => {
    expect(isKnown(role, { attrs, maxLagMs })).toBe(known);
  });
});

describe('inOrder()', () => {
  const outcomes: Record<string, Outcome> = {
    silent: { at: 1_000, how: 'silent' },
    refused: { at: 1_000, how: 'refused' },
    good: { at: 0, how: 'connected' },
  };
  const of = (name: string): Outcome | undefined => outcomes[name];

  test('the one that worked last, the unknown, those that refused, those that were silent', () => {
    const servers = ['silent', 'new', 'refused', 'other', 'good'];
    expect(inOrder(servers, of, { now: 2_000 })).toEqual([
      'good',
      'new',
      'other',
      'refused',
      'silent',
    ]);
  });

  test('failures are forgotten after ten seconds', () => {
    expect(inOrder(['silent', 'new'], of, { now: 12_000 })).toEqual(['silent', 'new']);
  });

  test('balanced, all that may work are in random order, and failures still at the end', () => {
    const seen = new Set<string>();
    let n = 0;
    for (let round = 0; round < 10; round++) {
      const random = (): number => [0.1, 0.9, 0.5, 0.3][n++ % 4] as number;
      const order = inOrder(['silent', 'good', 'new'], of, { now: 2_000, random });
      expect(order[2]).toBe('silent');
      seen.add(order[0] as string);
    }
    expect(seen).toEqual(new Set(['good', 'new']));
  });
});

describe('addressTime()', () => {
  test.each([
    ['its own limit while there is time for all', 10_000, 3, false, 2_000],
    ['its share where there is not', 3_000, 3, false, 1_000],
    ['nearly all that is left for the last one', 4_000, 1, false, 3_800],
    ['a share for the last one, where there is something to fall back on', 3_000, 1, true, 1_500],
  ])('%s', (_, leftMs, candidates, hasFallback, expected) => {
    expect(addressTime({ leftMs, candidates, hasFallback, addressTimeoutMs: 2_000 })).toBe(
      expected,
    );
  });
});
