import { expect, it } from 'vitest';
import { busyShareOf } from './_busy_share.ts';
import type { Entry } from './_entry.ts';

const NOW = 1_000;
const tuning = { busySample: 4, busyLookMs: 5 };

interface Session {
  readonly busy: boolean;
}

/** Leased so many ms ago. */
const leased = (busy: boolean, agoMs = 10): Entry<Session> =>
  ({ state: 'leased', leasedAt: NOW - agoMs, connection: { busy } }) as Entry<Session>;

const share = (entries: readonly Entry<Session>[], more: Partial<typeof tuning> = {}) =>
  busyShareOf(entries, ({ busy }) => busy, NOW, { ...tuning, ...more });

it('busyShareOf() is the share of the leased connections that work', () => {
  const idle = { ...leased(true), state: 'idle' } as Entry<Session>;
  expect(share([leased(true), idle, leased(false), leased(false)])).toBeCloseTo(1 / 3);
  expect(share([idle])).toBeUndefined();
});

it('busyShareOf() asks no more than busySample of them', () => {
  const entries = [true, true, true, true, false, false, false, false].map((busy) => leased(busy));
  expect(share(entries)).toBe(1);
  expect(share(entries, { busySample: 8 })).toBe(0.5);
});

it('busyShareOf() leaves out leases younger than busyLookMs: their holders have had no time to use them', () => {
  const entries = [leased(true), leased(false, 4)];
  expect(share(entries)).toBe(1);
  expect(share(entries, { busyLookMs: 3 })).toBe(0.5);
});

it('busyShareOf() knows nothing where a connection cannot be asked', () => {
  const throws = (): boolean => {
    throw new Error('gone');
  };
  expect(busyShareOf([leased(true)], throws, NOW, tuning)).toBeUndefined();
});
