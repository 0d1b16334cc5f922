import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { checkExports } from './check_exports.ts';

const root = dirname(import.meta.dirname);

test.each(readdirSync(join(root, 'packages')))(
  'the exports of packages/%s keep the rules',
  (name) => {
    expect(checkExports(join(root, 'packages', name))).toEqual([]);
  },
);

describe('checkExports()', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  /** A package of these sources, with `.`, `./wait-queue` and what `more` adds; built as far as a check can see. */
  function aPackage(files: Record<string, string>, more: Record<string, unknown> = {}): string {
    const folder = mkdtempSync(join(tmpdir(), 'check-exports-'));
    folders.push(folder);
    const map = (concept: string): object => ({
      types: `./dist/${concept}.d.ts`,
      default: `./dist/${concept}.js`,
    });
    const all: Record<string, string> = {
      'package.json': JSON.stringify({
        exports: { '.': map('mod'), './wait-queue': map('wait_queue'), ...more },
      }),
      'src/mod.ts': "/** A package. */\nexport * from './pool.ts';\n",
      'src/pool.ts': "import { q } from './_private.ts';\nexport const pool: number = q;\n",
      'src/_private.ts': 'export const q: number = 1;\n',
      'src/wait_queue.ts': 'export const queue: number = 1;\n',
      'src/pool_test.ts': '',
      ...Object.fromEntries(
        ['mod', 'wait_queue'].flatMap((c) => [
          [`dist/${c}.js`, ''],
          [`dist/${c}.d.ts`, ''],
        ]),
      ),
      ...files,
    };
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return folder;
  }

  test('has nothing to say of a package that keeps the rules', () => {
    expect(checkExports(aPackage({}))).toEqual([]);
  });

  test('finds a public file that no entry exports', () => {
    expect(checkExports(aPackage({ 'src/forgotten.ts': 'export const x: number = 1;' }))).toEqual([
      expect.stringContaining('src/forgotten.ts is public by its name'),
    ]);
  });

  test('does not take an import, or a re-export in a comment, for a re-export', () => {
    const folder = aPackage({
      'src/mod.ts': "export * from './pool.ts';\n// export * from './clock.ts';\n",
      'src/pool.ts': "import { clock } from './clock.ts';\nexport const pool: number = clock;\n",
      'src/clock.ts': 'export const clock: number = 1;',
    });
    expect(checkExports(folder)).toEqual([expect.stringContaining('src/clock.ts is public')]);
  });

  test('follows re-exports over several files, types and lists among them', () => {
    const folder = aPackage({
      'src/mod.ts': "export {\n  a,\n  type B,\n} from './manager.ts';\n",
      'src/manager.ts': "export type { B } from './b.ts';\nexport * from './pool.ts';\n",
      'src/b.ts': 'export type B = 1;',
    });
    expect(checkExports(folder)).toEqual([]);
  });

  test('finds a stable file that imports an unstable one, also through a private one', () => {
    const folder = aPackage({
      'src/_private.ts': "export { q } from './unstable_lanes.ts';",
      'src/unstable_lanes.ts': 'export const q: number = 1;',
    });
    expect(checkExports(folder)).toEqual([
      'src/unstable_lanes.ts is unstable but _private.ts imports it',
    ]);
  });

  test('finds a subpath without a source, and one that was not built', () => {
    const map = { types: './dist/lanes.d.ts', default: './dist/lanes.js' };
    expect(checkExports(aPackage({}, { './lanes': map }))).toEqual([
      '"./lanes" has no src/lanes.ts',
      '"./lanes" has no ./dist/lanes.d.ts: build it',
      '"./lanes" has no ./dist/lanes.js: build it',
    ]);
  });

  test('finds a subpath that is not kebab-case, and one that points at another file', () => {
    const map = { types: './dist/wait_queue.d.ts', default: './dist/wait_queue.js' };
    expect(checkExports(aPackage({}, { './wait_queue': map }))).toEqual([
      '"./wait_queue" is not kebab-case',
    ]);
    expect(checkExports(aPackage({}, { '.': map }))).toEqual([
      expect.stringContaining('"." points elsewhere than'),
    ]);
  });

  test('finds code in mod.ts, and folders in src', () => {
    const folder = aPackage({
      'src/mod.ts': "export * from './pool.ts';\nexport const version: string = '1';\n",
      'src/inner/x.ts': '',
    });
    expect(checkExports(folder)).toEqual([
      'src/inner/ is a folder; src is flat',
      'src/mod.ts does more than re-export',
    ]);
  });
});
