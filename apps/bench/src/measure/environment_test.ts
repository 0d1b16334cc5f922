import { tmpdir } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { commitText, type Environment, readEnvironment } from './environment.ts';

const started = process.cwd();
afterEach(() => process.chdir(started));

test('readEnvironment() tells the commit of the build, wherever it was started', () => {
  const { commit, dirty, changes } = readEnvironment([]);
  expect(changes === undefined).toBe(dirty !== true);
  process.chdir(tmpdir());
  expect(readEnvironment([])).toMatchObject({ commit, dirty });
});

test.each([
  [{}, undefined],
  [{ commit: '1248651e0aef', dirty: false }, '1248651e0a'],
  [{ commit: '1248651e0aef', dirty: true }, '1248651e0a with changes'],
  [
    { commit: '1248651e0aef', dirty: true, changes: '5d41402a' },
    '1248651e0a with changes 5d41402a',
  ],
])('commitText(%j) is %s', (environment, text) => {
  expect(commitText(environment as Environment)).toBe(text);
});
