import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
  await writeFile(file, `process.once('message', (order) => { ${body} });`);
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
