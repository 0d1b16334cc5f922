// Each package is versioned alone: a changeset moves what it names, and only those others whose range it leaves.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = dirname(import.meta.dirname);
let copy: string;
let manifests: string[];

/** The workspace's manifests in a git repository of their own, every package at 1.0.0. */
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'release-'));
  for (const path of ['package.json', 'pnpm-workspace.yaml', '.changeset/config.json']) {
    cpSync(join(root, path), join(copy, path));
  }
  manifests = ['packages', 'apps', 'internal'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => join(group, name, 'package.json')),
  );
  for (const path of manifests) {
    const manifest = JSON.parse(readFileSync(join(root, path), 'utf8'));
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), JSON.stringify({ ...manifest, version: '1.0.0' }));
  }
  execFileSync('git', ['init', '-q', copy]);
});

afterEach(() => rmSync(copy, { recursive: true }));

/** The packages that a changeset moves, and where to. */
function released(bumps: Readonly<Record<string, 'patch' | 'minor' | 'major'>>): unknown {
  const lines = Object.entries(bumps).map(([name, bump]) => `"${name}": ${bump}`);
  writeFileSync(join(copy, '.changeset/one.md'), `---\n${lines.join('\n')}\n---\n\nA change.\n`);
  execFileSync(process.execPath, [join(root, 'node_modules/@changesets/cli/bin.js'), 'version'], {
    cwd: copy,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const versions = manifests.map((path): [string, string] => {
    const { name, version } = JSON.parse(readFileSync(join(copy, path), 'utf8'));
    return [name, version];
  });
  return Object.fromEntries(versions.filter(([, version]) => version !== '1.0.0'));
}

test('a patch and a minor of pool-core move pool-core alone', () => {
  expect(released({ '@fynlo/pool-core': 'patch' })).toEqual({ '@fynlo/pool-core': '1.0.1' });
  expect(released({ '@fynlo/pool-core': 'minor' })).toEqual({ '@fynlo/pool-core': '1.1.0' });
  expect(readFileSync(join(copy, 'packages/pool-core/CHANGELOG.md'), 'utf8')).toContain(
    'A change.',
  );
});

test('a major of pool-core moves what depends on it by a patch, and no attachment', () => {
  expect(released({ '@fynlo/pool-core': 'major' })).toEqual({
    '@fynlo/pool-core': '2.0.0',
    '@fynlo/orchestrator': '1.0.1',
  });
});

test('two packages of one changeset move as far as it says', () => {
  expect(released({ '@fynlo/leak-guard': 'minor', '@fynlo/cache-enhancer': 'patch' })).toEqual({
    '@fynlo/leak-guard': '1.1.0',
    '@fynlo/cache-enhancer': '1.0.1',
  });
});
