import { expect, test } from 'vitest';
import { hasHit, mayHit } from './_lane_cancel_policy.ts';

const USER = 'canceling statement due to user request';
const TIMEOUT = 'canceling statement due to statement timeout';
const GERMAN = 'storniere Anfrage wegen Zeitüberschreitung der Anfrage';

const pending = { confirmedAt: undefined, expired: false, spent: false };
const confirmed = { ...pending, confirmedAt: 100 };
const expired = { ...confirmed, expired: true };
const spent = { ...confirmed, spent: true };

test.each([
  ['none was asked for', undefined, 50, USER, 'no'],
  ['it is on its way', pending, 50, USER, 'yes'],
  ['it is on its way, and words are foreign', pending, 50, GERMAN, 'maybe'],
  ['it is on its way, but the limit was the own one', pending, 50, TIMEOUT, 'no'],
  ['it was passed on', confirmed, 50, USER, 'yes'],
  ['it was passed on a moment ago', confirmed, 50, GERMAN, 'maybe'],
  ['it was passed on long ago', expired, 50, USER, 'yes'],
  ['it was passed on too long ago', expired, 50, GERMAN, 'no'],
  ['the query was sent after it', confirmed, 100, USER, 'no'],
  ['it has stopped another query already', spent, 50, USER, 'no'],
])('57014, when %s', (_when, cancel, sentAt, words, hit) => {
  expect(hasHit(cancel, { sentAt }, words)).toBe(hit);
});

test('a cancel may hit what was sent before it had been passed on, and nothing else', () => {
  expect(mayHit(pending, { sentAt: 1 })).toBe(true);
  expect(mayHit(confirmed, { sentAt: 99 })).toBe(true);
  expect(mayHit(confirmed, { sentAt: 100 })).toBe(false);
  expect(mayHit(spent, { sentAt: 99 })).toBe(false);
  expect(mayHit({ ...spent, confirmedAt: undefined }, { sentAt: 99 })).toBe(true);
});
