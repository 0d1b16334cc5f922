import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { type Example, findExamples } from './doc_examples.ts';

const root = dirname(import.meta.dirname);
const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);

/** Where an example is written: inside its package, so that it sees what the package declares, and itself as built. */
function written(home: string, example: Example): string {
  const name = `${basename(example.file)}_${example.line}.ts`;
  return join(root, home, '.examples', name);
}

function documents(home: string): string[] {
  const sources = readdirSync(join(root, home, 'src'))
    .filter((name) => /(?<!_test)\.ts$/.test(name))
    .map((name) => `${home}/src/${name}`);
  const readme = readdirSync(join(root, home)).includes('README.md') ? [`${home}/README.md`] : [];
  // The root README shows the packages together: it sees what the orchestrator sees.
  return [...(home === 'packages/orchestrator' ? ['README.md'] : []), ...readme, ...sources];
}

const examples = packages.map((home) => ({
  home,
  examples: documents(home).flatMap((file) =>
    findExamples(file, readFileSync(join(root, file), 'utf8')),
  ),
}));

for (const { home, examples: own } of examples) {
  rmSync(join(root, home, '.examples'), { recursive: true, force: true });
  mkdirSync(join(root, home, '.examples'));
  for (const example of own) writeFileSync(written(home, example), example.code);
}

// As strict as most users are (`strict`), not as this repository is.
test('every example type-checks', () => {
  const { stdout } = spawnSync(
    join(root, 'node_modules/.bin/tsc'),
    ['-p', join(root, 'tools/examples.tsconfig.json')],
    { cwd: root, encoding: 'utf8' },
  );
  // packages/x/.examples/pool.ts_12.ts(14,3): the lines are those of the documentation.
  expect(stdout).toBe('');
}, 60_000);

for (const { home, examples: own } of examples) {
  if (own.length === 0) continue;
  describe(`examples of ${home}`, () => {
    const database = `examples_of_${basename(home).replaceAll('-', '_')}`;
    beforeAll(async () => {
      const client = new pg.Client(inject('postgresUrl'));
      await client.connect();
      await client.query(`drop database if exists ${database}`);
      await client.query(`create database ${database}`);
      await client.end();
      process.env['DATABASE_URL'] = Object.assign(new URL(inject('postgresUrl')), {
        pathname: `/${database}`,
      }).href;
      process.env['REDIS_URL'] = inject('redisUrl');
    });

    for (const example of own) {
      test(`${example.file}:${example.line} example runs`, async () => {
        const prints = example.code.includes('console.assert');
        expect(prints, 'console.assert only prints, so the example could not fail').toBe(false);
        await import(written(home, example));
      }, 120_000);
    }
  });
}
