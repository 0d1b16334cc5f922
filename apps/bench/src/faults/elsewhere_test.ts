import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { FAULTS } from './catalog.ts';
import { ELSEWHERE } from './elsewhere.ts';

const root = new URL('../../../../', import.meta.url);

test('no fault is twice in the catalogue, or twice among what is tested elsewhere', () => {
  for (const list of [FAULTS, ELSEWHERE]) {
    const ids = list.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
  }
  const names = FAULTS.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

test.each(ELSEWHERE.flatMap(({ id, test: file }) => (file === undefined ? [] : [[id, file]])))(
  '%s is tested where the matrix says, in %s',
  async (id, file) => {
    expect(await readFile(new URL(file, root), 'utf8')).toMatch(new RegExp(`\\b${id}\\b`));
  },
);
