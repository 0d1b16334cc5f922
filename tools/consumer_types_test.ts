import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeErrors } from './consumer_types.ts';
import { link } from './packed_packages.ts';

let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'consumer-types-'));
  write(
    'node_modules/@fynlo/guard/package.json',
    '{ "name": "@fynlo/guard", "type": "module", "exports": "./mod.js" }',
  );
  write('node_modules/@fynlo/guard/mod.js', '');
  link(join(project, 'node_modules'), '@types/node', dirname(import.meta.dirname));
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), text);
}

test("typeErrors() finds nothing in a program that keeps to the package's types", () => {
  write('node_modules/@fynlo/guard/mod.d.ts', 'export declare const guard: number;\n');
  write(
    'a.mts',
    "import { guard } from '@fynlo/guard';\nexport const twice: number = guard * 2;\n",
  );
  expect(typeErrors(project, ['a.mts'])).toBe('');
});

test('typeErrors() finds a name the package does not declare', () => {
  write('b.cts', "import { gaurd } from '@fynlo/guard';\nexport const it: number = gaurd;\n");
  expect(typeErrors(project, ['b.cts'])).toContain('TS2724');
});

test("typeErrors() finds a package's declaration that imports what is not installed", () => {
  const types = "import type { Stats } from '@fynlo/pool-core/contract';\n";
  write('node_modules/@fynlo/guard/mod.d.ts', `${types}export declare const guard: Stats;\n`);
  expect(typeErrors(project, ['a.mts'])).toMatch(/guard\/mod\.d\.ts\(1,\d+\): error TS2307/);
});
