import { expect, test } from 'vitest';
import { afterOutcome, CLOSED, type Outcome } from './_breaker_policy.ts';

test.each<[string, Outcome[], boolean]>([
  ['one silent answer opens it', ['silent'], true],
  ['two slow ones do not', ['slow', 'slow'], false],
  ['three failures in a row do', ['slow', 'refused', 'slow'], true],
  [
    'a success between them starts the count anew',
    ['slow', 'slow', 'success', 'slow', 'slow'],
    false,
  ],
  ['a success closes it', ['silent', 'success'], false],
  ['a further failure keeps it open', ['silent', 'refused'], true],
])('%s', (_name, outcomes, open) => {
  let state = CLOSED;
  for (const outcome of outcomes) state = afterOutcome(state, outcome, { failures: 3 });
  expect(state.open).toBe(open);
});

test('successes on a closed breaker make no new state', () => {
  expect(afterOutcome(CLOSED, 'success', { failures: 3 })).toBe(CLOSED);
});
