import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { FAULTS } from './catalog.ts';
import { ELSEWHERE } from './elsewhere.ts';

const root = new URL('../../../../', import.meta.url);

test('no fault is both in the catalogue and said to be tested elsewhere, or twice in either', () => {
  const ids = [...FAULTS, ...ELSEWHERE].map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)]);
  const names = FAULTS.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

test.each(ELSEWHERE.flatMap(({ id, test: file }) => (file === undefined ? [] : [[id, file]])))(
  '%s is tested where the matrix says, in %s',
  async (id, file) => {
    expect(await readFile(new URL(file, root), 'utf8')).toMatch(new RegExp(`\\b${id}\\b`));
  },
);
