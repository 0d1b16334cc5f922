import { expect, test } from 'vitest';
import { deferred } from './deferred.ts';

test('deferred() is unsettled until told, and settles with the value', async () => {
  const gate = deferred<number>();
  expect(gate.settled).toBe(false);
  gate.resolve(7);
  expect(gate.settled).toBe(true);
  await expect(gate.promise).resolves.toBe(7);
});

test('deferred() rejects with the very error it was given', async () => {
  const gate = deferred();
  const error = new Error('no');
  gate.reject(error);
  expect(gate.settled).toBe(true);
  await expect(gate.promise).rejects.toBe(error);
});

test('deferred() keeps its first outcome', async () => {
  const gate = deferred<string>();
  gate.resolve('first');
  gate.resolve('second');
  gate.reject(new Error('third'));
  await expect(gate.promise).resolves.toBe('first');
});
