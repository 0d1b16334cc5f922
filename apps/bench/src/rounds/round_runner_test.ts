import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Scenario, Subject } from '../scenario/scenario.ts';
import { RoundFailedError, runRound } from './round_runner.ts';

const params = { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 };
const context = { databaseUrl: 'postgres://none', redisUrl: 'redis://none', params, seed: 1 };
const scenario = { id: 'T1' } as Scenario;
const subject = { name: 'subject' } as Subject;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rounds-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A round's process that does what it is told instead of measuring. */
async function processThat(name: string, body: string): Promise<string> {
  const file = join(folder, `${name}.mjs`);
  await writeFile(file, `process.once('message', async (order) => { ${body} });`);
  return file;
}

test('runRound() resolves with what the process found', async () => {
  const entry = await processThat(
    'good',
    `process.send({ kind: 'outcome', outcome: { metrics: { errors: order.context.seed } } })`,
  );
  const outcome = await runRound(scenario, subject, context, new AbortController().signal, entry);
  expect(outcome).toEqual({ metrics: { errors: 1 } });
});

test.each([
  [
    'a subject that throws',
    `process.send({ kind: 'failed', message: 'no such table', stack: 'at x' })`,
    'no such table',
  ],
  ['a process that dies', `console.error('last words'); process.exit(7)`, 'last words'],
  ['a process that is killed', `process.kill(process.pid, 'SIGKILL')`, 'SIGKILL'],
])('runRound() rejects for %s, and says which subject it was', async (name, body, message) => {
  const entry = await processThat(name.replaceAll(' ', '-'), body);
  const round = runRound(scenario, subject, context, new AbortController().signal, entry);
  await expect(round).rejects.toThrow(RoundFailedError);
  await expect(round).rejects.toThrow(message);
  await expect(round).rejects.toThrow('Round of subject in T1 failed');
});

test('runRound() ends its process when it is aborted', async () => {
  const entry = await processThat('endless', `setInterval(() => {}, 1000)`);
  const controller = new AbortController();
  const round = runRound(scenario, subject, context, controller.signal, entry);
  setTimeout(() => controller.abort(new Error('stop')), 200);
  await expect(round).rejects.toThrow('stop');
});

test('runRound() that is aborted lets its process clean up, and leaves nothing that the process started', async () => {
  const mark = join(folder, 'cleaned');
  const childFile = join(folder, 'child');
  const entry = await processThat(
    'with-a-child',
    `const { spawn } = await import('node:child_process');
     const { writeFileSync } = await import('node:fs');
     const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
     process.once('SIGTERM', () => {
       writeFileSync(${JSON.stringify(mark)}, 'cleaned');
       process.send({ kind: 'failed', message: 'aborted', stack: '' });
     });
     writeFileSync(${JSON.stringify(childFile)}, String(child.pid));`,
  );
  const controller = new AbortController();
  const round = runRound(scenario, subject, context, controller.signal, entry);
  const aborted = expect(round).rejects.toThrow('stop');
  await vi.waitUntil(() => existsSync(childFile), 10_000);
  controller.abort(new Error('stop'));
  await aborted;
  expect(existsSync(mark)).toBe(true);
  const pid = Number(await readFile(childFile, 'utf8'));
  await vi.waitUntil(() => !isRunning(pid), 10_000);
});

test('runRound() ends a round that takes longer than its limit', async () => {
  const entry = await processThat('slow', `setInterval(() => {}, 1000)`);
  const limited = { ...scenario, limitMs: 300 } as Scenario;
  const round = runRound(limited, subject, context, new AbortController().signal, entry);
  await expect(round).rejects.toThrow('no result within 0.3 s');
  await expect(round).rejects.toThrow(RoundFailedError);
});

/** Whether it runs; a process that ended and waits for its parent to look does not. */
function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
