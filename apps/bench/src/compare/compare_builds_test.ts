import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { acquireCost } from '../scenarios/p10_acquire_cost.ts';
import { type Change, hasRegression } from './compare.ts';
import { compareBuilds } from './compare_builds.ts';
import type { Build } from './git_build.ts';

const exec = promisify(execFile);
const require = createRequire(import.meta.url);
const ROUND_PROCESS = require.resolve('@fynlo/bench/round-process');
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'builds-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** This build, but each checkout of the pool costs so much more. */
async function slowedBuild(micros: number): Promise<string> {
  const pool = join(dirname(require.resolve('@fynlo/pool-core/package.json')), 'dist', 'mod.js');
  const file = join(folder, 'slowed.mjs');
  await writeFile(
    file,
    `import { Pool } from ${JSON.stringify(pathToFileURL(pool))};
     const { connect } = Pool.prototype;
     Pool.prototype.connect = function (...args) {
       const until = performance.now() + ${micros / 1000};
       while (performance.now() < until);
       return connect.apply(this, args);
     };
     await import(${JSON.stringify(pathToFileURL(ROUND_PROCESS))});`,
  );
  return file;
}

const build = (name: string, roundProcess: string): Build => ({
  name,
  roundProcess,
  [Symbol.asyncDispose]: async () => {},
});

function compare(a: Build, b: Build): Promise<Change[]> {
  return compareBuilds({
    builds: [a, b],
    scenarios: [
      {
        scenario: acquireCost,
        params: { callers: 64, connections: 10, warmupMs: 20, durationMs: 50 },
      },
    ],
    only: [],
    rounds: 5,
    seed: 1,
    databaseUrl: 'postgres://none',
    redisUrl: 'redis://none',
    signal: new AbortController().signal,
  });
}

test('compareBuilds() catches a build whose pool was slowed', async () => {
  const before = build('before', ROUND_PROCESS);
  const changes = await compare(before, build('slowed', await slowedBuild(5)));
  expect(changes.map(({ metric, verdict }) => [metric, verdict])).toEqual([
    ['cpuMicrosPerOp', 'worse'],
    ['cpuMicrosPerQueuedOp', 'worse'],
  ]);
  expect(hasRegression(changes)).toBe(true);
}, 60_000);

test('fynlo-bench compare builds two git refs apart, ends with 98 for the slower one, and removes the copies', async () => {
  const repository = join(folder, 'repository');
  await makeRepository(repository);
  const temporary = join(folder, 'temporary');
  await mkdir(temporary);
  const run = (a: string, b: string) =>
    exec(process.execPath, [MAIN, 'compare', a, b, 'P10', '-n', '6'], {
      cwd: repository,
      env: {
        ...process.env,
        DATABASE_URL: inject('postgresUrl'),
        REDIS_URL: inject('redisUrl'),
        TMPDIR: temporary,
        NO_COLOR: '1',
      },
    }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
    );

  const slower = await run('fast', 'slow');
  expect(slower.stdout).toContain('2 worse');
  expect(slower.code).toBe(98);
  const same = await run('fast', '.');
  expect(same.stdout).toContain('No significant difference');
  expect(same.code).toBe(0);

  const { stdout: worktrees } = await exec('git', ['worktree', 'list'], { cwd: repository });
  expect(worktrees.trim().split('\n')).toHaveLength(1);
  expect(await readdir(temporary)).toEqual([]);
}, 60_000);

/** A project that "builds" by copying: its rounds answer with a number that tells which version they are of. */
async function makeRepository(path: string): Promise<void> {
  const git = (...args: string[]) =>
    exec('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], {
      cwd: path,
    });
  await mkdir(join(path, 'scripts'), { recursive: true });
  await git('init', '--quiet', '--initial-branch=main');
  await writeFile(join(path, '.gitignore'), 'apps/\n');
  await writeFile(
    join(path, 'scripts', 'pnpm.mjs'),
    `import { cpSync } from 'node:fs';
     if (process.argv.includes('build')) cpSync('round.mjs', 'apps/bench/dist/rounds/round_process.js');`,
  );
  const version = (micros: number): Promise<void> =>
    writeFile(
      join(path, 'round.mjs'),
      `process.once('message', ({ context }) => {
         const cost = ${micros} + (context.seed % 7) / 10;
         const metrics = { cpuMicrosPerOp: cost, cpuMicrosPerQueuedOp: cost };
         process.send({ kind: 'outcome', outcome: { metrics } });
       });`,
    );
  for (const [tag, micros] of [
    ['slow', 15],
    ['fast', 10],
  ] as const) {
    await version(micros);
    await git('add', '--all');
    await git('commit', '--quiet', '--message', tag);
    await git('tag', tag);
  }
}
