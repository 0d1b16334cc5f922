import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ResultFile } from '../results/result_file.ts';
import { folder, servers, start } from './_cli_fixture.ts';

test.each([[['list', '--format', 'json']], [['run', '--help']], [['doctor']]])(
  'fynlo-bench %j whose reader goes away ends with 0 and says nothing',
  async (args) => {
    const { child, ended } = start(args, servers());
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
  },
);

test('fynlo-bench run whose reader goes away stops measuring, writes what it has, and leaves no process', async () => {
  const out = join(folder, 'unread');
  const load = ['--pool', 'fynlo', '-n', '1', '-d', '1', '-w', '0'];
  const args = ['run', 'P6', 'P7', 'P10', ...load, '--out', out];
  const { child, ended } = start(args, { DATABASE_URL: '', REDIS_URL: '' });
  child.stdout?.once('data', () => child.stdout?.destroy());
  await until(async () => (await childrenOf(child.pid)).length >= 2);
  const started = await childrenOf(child.pid);
  const { code, err } = await ended;
  expect(code).toBe(130);
  expect(err).not.toContain('EPIPE');
  const result = JSON.parse(await readFile(join(out, 'latest.json'), 'utf8')) as ResultFile;
  expect(result.pending.map(({ id }) => id)).toEqual(['P10']);
  await until(async () => started.every((pid) => !isAlive(pid)));
}, 60_000);

test('fynlo-bench run, interrupted, writes a marked partial result, leaves no process, and ends with 130', async () => {
  const out = join(folder, 'interrupted');
  const load = ['-n', '50', '-d', '1', '-w', '0', '--closed'];
  const args = ['run', 'P6', ...load, '--pool', 'pg.Pool', '--out', out];
  const { child, ended, text } = start(args, { DATABASE_URL: '', REDIS_URL: '' });
  await until(async () => text.err.includes('round 1'));
  const started = await childrenOf(child.pid);
  expect(started.length).toBeGreaterThanOrEqual(2);
  child.kill('SIGINT');
  expect((await ended).code).toBe(130);
  const result = JSON.parse(await readFile(join(out, 'latest.json'), 'utf8')) as ResultFile;
  expect(result.partial).toBe(true);
  // The keepers end the servers when the pipe to us closes: within a moment, not at once.
  await until(async () => started.every((pid) => !isAlive(pid)));
}, 90_000);

async function childrenOf(pid: number | undefined): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('waited 40 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
