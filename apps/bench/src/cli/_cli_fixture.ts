/**
 * The program as users start it, and a folder for what the tests of one file write.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, inject } from 'vitest';

/** The build. */
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Made before the first test of the file that imports it, removed after the last. */
export let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; ended: Promise<Ended>; text: { out: string; err: string } } {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    text.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text.err += chunk.toString();
  });
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (code) => resolve({ code, ...text })),
  );
  return { child, ended, text };
}

export const run = (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> =>
  start(args, env).ended;

export const servers = (): NodeJS.ProcessEnv => ({
  DATABASE_URL: inject('postgresUrl'),
  REDIS_URL: inject('redisUrl'),
});

export const environment = {
  node: 'v20',
  cpu: 'a cpu',
  cores: 2,
  memoryGb: 8,
  load: 0,
  packages: {},
};

/** A result file of one row, in which ours made so many operations a second, round by round, and the peer 1000. */
export async function resultOf(
  name: string,
  opsPerSecond: number,
  more: object = {},
  run: object = {},
): Promise<string> {
  const rounds = (ops: number): object[] =>
    [1, 1.001, 0.999, 1.002, 0.998, 1.003].map((noise, round) => ({
      ...{ round, position: round, metrics: { opsPerSecond: ops * noise } },
    }));
  const row = {
    ...{ id: 'P6', name: 'exclusive-query', question: '?', target: 'a target', tookMs: 1 },
    params: { callers: 64, connections: 10, warmupMs: 0, durationMs: 1000 },
    verdict: 'pass',
    criteria: [
      {
        criterion: {
          metric: 'opsPerSecond',
          subject: 'fynlo',
          peer: 'pg.Pool',
          op: '>=',
          bound: 1,
        },
      },
    ],
    subjects: [
      { name: 'fynlo', settings: '', rounds: rounds(opsPerSecond) },
      { name: 'pg.Pool', settings: '', rounds: rounds(1000) },
    ],
    ...more,
  };
  const path = join(folder, `${name}.json`);
  await writeFile(
    path,
    JSON.stringify({
      ...{ kind: 'fynlo-bench', schemaVersion: 1, environment, pending: [], scenarios: [row] },
      ...run,
    }),
  );
  return path;
}
