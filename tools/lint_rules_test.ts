// Each rule of the house is shown a file that breaks it. The files are written into a copy of the workspace's skeleton
// (configuration and manifests, no code), so a rule that is taken out of biome.json, or no longer reaches a package,
// fails here.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = dirname(import.meta.dirname);
// Outside the clone: in an ignored folder below it Biome found neither cycles nor unhandled promises.
let copy: string;

interface Bad {
  readonly file: string;
  readonly code: string;
  readonly rule: string;
}

const importing = (specifier: string): string =>
  `import { thing } from '${specifier}';\n\nthing();\n`;
const importingTypes = (specifier: string): string =>
  `import type { Thing } from '${specifier}';\n\nexport type Mine = Thing;\n`;

const files: Bad[] = [];
const good: Pick<Bad, 'file' | 'code'>[] = [];

// Direction.
for (const name of [
  'pool-core',
  'cache-enhancer',
  'leak-guard',
  'resource-optimizer',
  'orchestrator',
]) {
  for (const internal of ['services/postgres', 'testing/fake-clock']) {
    const file = `packages/${name}/src/imports_${internal.replace(/\W/g, '_')}.ts`;
    const code = importingTypes(`@fynlo/${internal}`);
    files.push({ file, code, rule: 'noRestrictedImports' });
    good.push({ file: file.replace('.ts', '_test.ts'), code });
    if (name === 'pool-core' || name === 'cache-enhancer') {
      good.push({
        file: file.replace('/imports_', '/_imports_').replace('.ts', '_fixture.ts'),
        code,
      });
    }
  }
}
for (const name of ['pool-core', 'cache-enhancer', 'leak-guard', 'resource-optimizer']) {
  for (const other of ['pool-core', 'cache-enhancer', 'orchestrator', 'pool-core/manager']) {
    files.push({
      file: `packages/${name}/src/imports_${other.replace(/\W/g, '_')}.ts`,
      code: importingTypes(`@fynlo/${other}`),
      rule: 'noRestrictedImports',
    });
  }
}
for (const name of ['leak-guard', 'resource-optimizer']) {
  const contract = '@fynlo/pool-core/contract';
  good.push({ file: `packages/${name}/src/takes_types.ts`, code: importingTypes(contract) });
  for (const [how, code] of Object.entries({
    value: importing(contract),
    effect: `import '${contract}';\n`,
    everything: `export * from '${contract}';\n`,
    dynamic: `export const contract: unknown = await import('${contract}');\n`,
  })) {
    files.push({
      file: `packages/${name}/src/takes_${how}.ts`,
      code,
      rule: 'noUndeclaredDependencies',
    });
  }
}
for (const name of ['services', 'testing']) {
  files.push({
    file: `internal/${name}/src/imports_package.ts`,
    code: importingTypes('@fynlo/pool-core/contract'),
    rule: 'noRestrictedImports',
  });
}
files.push({
  file: 'apps/bench/src/imports_testing.ts',
  code: importingTypes('@fynlo/testing/deferred'),
  rule: 'noRestrictedImports',
});
good.push({ file: 'apps/bench/src/starts_servers.ts', code: importing('@fynlo/services/redis') });
files.push({
  file: 'packages/pool-core/src/left.ts',
  code: "import { right } from './right.ts';\n\nexport const left = (): unknown => right;\n",
  rule: 'noImportCycles',
});
files.push({
  file: 'packages/pool-core/src/right.ts',
  code: "import { left } from './left.ts';\n\nexport const right = (): unknown => left;\n",
  rule: 'noImportCycles',
});

// Purity.
for (const [name, expression] of Object.entries({
  date: 'Date.now()',
  date_made: 'new Date()',
  performance: 'performance.now()',
  timeout: 'setTimeout(() => {}, 1)',
  interval: 'setInterval(() => {}, 1)',
  immediate: 'setImmediate(() => {})',
  process: 'process.memoryUsage()',
  global_this: 'globalThis.performance.now()',
})) {
  const code = `export const measure = (): unknown => ${expression};\n`;
  for (const kind of ['policy', 'limit']) {
    const file = `packages/pool-core/src/${name}_${kind}.ts`;
    files.push({ file, code, rule: 'noRestrictedGlobals' });
    good.push({ file: file.replace('.ts', '_test.ts'), code });
  }
  good.push({ file: `packages/pool-core/src/${name}_shell.ts`, code });
}
files.push({
  file: 'packages/pool-core/src/hooks_policy.ts',
  code: "import { performance } from 'node:perf_hooks';\n\nexport const now = performance;\n",
  rule: 'noNodejsModules',
});
good.push({
  file: 'packages/pool-core/src/pure_policy.ts',
  code: 'export const late = (now: number, due: number): boolean => now > due;\n',
});

// Names.
for (const name of ['waitQueue', 'wait-queue', 'WaitQueue']) {
  for (const folder of ['packages/leak-guard/src', 'apps/bench/src/cli', 'tools']) {
    files.push({
      file: `${folder}/${name}.ts`,
      code: 'export const x = 1;\n',
      rule: 'useFilenamingConvention',
    });
  }
}
for (const name of ['wait_queue', '_wait_queue', 'wait_queue_test', 's3_fifo', 'mod']) {
  good.push({ file: `packages/leak-guard/src/${name}.ts`, code: 'export const x = 1;\n' });
}

// Promises, types, output.
const ask = 'const ask = async (): Promise<boolean> => true;\n';
for (const [name, code, rule] of [
  ['floating', `${ask}export const go = (): void => {\n  ask();\n};\n`, 'noFloatingPromises'],
  [
    'misused',
    `${ask}export const go = (): number => {\n  if (ask()) return 1;\n  return 0;\n};\n`,
    'noMisusedPromises',
  ],
  ['type', "import { Socket } from 'node:net';\n\nexport type Mine = Socket;\n", 'useImportType'],
  ['output', 'export const go = (): void => console.log(1);\n', 'noConsole'],
] as const) {
  files.push({ file: `packages/cache-enhancer/src/${name}.ts`, code, rule });
}
files.push({
  file: 'packages/cache-enhancer/src/skipped_test.ts',
  code: "import { expect, test } from 'vitest';\n\ntest.skip('x', () => {\n  expect(1).toBe(1);\n});\n",
  rule: 'noSkippedTests',
});

/** The rules each file breaks, by Biome. */
const found = new Map<string, string[]>();

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'lint-rules-'));
  for (const path of ['biome.json', 'tsconfig.base.json', 'vitest.d.ts', 'package.json']) {
    cpSync(join(root, path), join(copy, path));
  }
  for (const group of ['packages', 'apps', 'internal']) {
    for (const name of readdirSync(join(root, group))) {
      for (const path of ['package.json', 'tsconfig.json']) {
        cpSync(join(root, group, name, path), join(copy, group, name, path));
      }
    }
  }
  for (const { file, code } of [...files, ...good]) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    writeFileSync(join(copy, file), code);
  }
  const { status, stdout, stderr } = spawnSync(
    join(root, 'node_modules/.bin/biome'),
    [
      'lint',
      '--vcs-enabled=false',
      '--error-on-warnings',
      '--max-diagnostics=none',
      '--reporter=json',
      '.',
    ],
    { cwd: copy, encoding: 'utf8' },
  );
  expect(status, stderr).toBe(1);
  const report: {
    diagnostics: { category: string; location: { path: string | { file: string } } }[];
  } = JSON.parse(stdout);
  for (const { category, location } of report.diagnostics) {
    const path = typeof location.path === 'string' ? location.path : location.path.file;
    found.set(path, [...(found.get(path) ?? []), category.split('/').at(-1) ?? '']);
  }
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('a file that breaks a rule fails the check', () => {
  test.each(files)('$file breaks $rule', ({ file, rule }) => {
    expect(found.get(file) ?? []).toContain(rule);
  });
});

describe('a file that keeps the rules passes', () => {
  test.each(good)('$file', ({ file }) => {
    expect(found.get(file) ?? []).toEqual([]);
  });
});

test("a relative import of another package's source fails the check", () => {
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const bad = 'packages/cache-enhancer/src/bad.ts';
  writeFileSync(join(copy, bad), "export { left } from '../../pool-core/src/left.ts';\n");
  const { status, stdout } = spawnSync(
    join(root, 'node_modules/.bin/tsc'),
    ['-p', join(copy, 'packages/cache-enhancer'), '--noEmit'],
    { cwd: copy, encoding: 'utf8' },
  );
  expect(status).not.toBe(0);
  expect(stdout).toMatch(/src\/bad\.ts\(1,\d+\): error TS6059/);
}, 60_000);
