import { expect, it } from 'vitest';
import { admit } from './_admission_policy.ts';

const full = { idle: 0, waiting: 0, connecting: 0, room: 0, maxWaiting: 2 };

it.each([
  ['takes what is idle', { ...full, idle: 1 }, 'reuse'],
  ['does not overtake those who wait', { ...full, idle: 1, waiting: 1 }, 'wait'],
  ['opens where there is room', { ...full, room: 1 }, 'create'],
  ['opens for as many as there is room for', { ...full, room: 2, waiting: 1 }, 'create'],
  [
    'counts connects in flight as room taken by who waits',
    { ...full, connecting: 1, waiting: 1 },
    'wait',
  ],
  ['waits while few wait', { ...full, waiting: 1 }, 'wait'],
  ['rejects when as many wait as may', { ...full, waiting: 2 }, 'reject'],
  ['rejects beyond the room as well', { ...full, connecting: 1, waiting: 3 }, 'reject'],
  ['never queues with maxWaiting 0, but opens', { ...full, room: 1, maxWaiting: 0 }, 'create'],
  ['never queues with maxWaiting 0', { ...full, maxWaiting: 0 }, 'reject'],
  [
    'waits for ever long queues by default',
    { ...full, waiting: 1e6, maxWaiting: Number.POSITIVE_INFINITY },
    'wait',
  ],
])('admit() %s', (_, pool, wanted) => {
  expect(admit(pool)).toBe(wanted);
});
