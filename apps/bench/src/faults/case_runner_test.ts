import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CaseBrokenError, runCase } from './case_runner.ts';
import { atMost, type Fault } from './fault.ts';

const fault: Fault = {
  id: 'F00',
  name: 'test',
  happens: 'nothing',
  must: 'pass',
  criteria: [atMost('tookMs', 10, 'ms', 'took')],
  limitMs: { quick: 1_500, full: 1_500 },
  run: async () => ({}),
};
const order = {
  fault: 'F00',
  subject: 'x',
  profile: 'quick',
  seed: 1,
  serverUrl: 'postgres://none',
  timeFactor: 1,
} as const;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cases-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a case's process that does what it is told. */
async function runThat(name: string, body: string): ReturnType<typeof runCase> {
  const file = join(folder, `${name}.mjs`);
  await writeFile(
    file,
    `const reply = (message) => process.send({ findings: [], uncaught: [], notes: [], ...message }, () => process.disconnect());
     process.once('message', () => { ${body} });`,
  );
  return runCase(fault, order, new AbortController().signal, file);
}

test.each([
  ['meets its bounds', `reply({ kind: 'outcome', metrics: { tookMs: 10 } })`, 'pass', []],
  [
    'misses a bound',
    `reply({ kind: 'outcome', metrics: { tookMs: 11 } })`,
    'fail',
    ['took: 11 ms (<= 10 ms)'],
  ],
  [
    'never gets there',
    `reply({ kind: 'outcome', metrics: { tookMs: Infinity } })`,
    'fail',
    ['took: never (<= 10 ms)'],
  ],
  [
    'is found wanting by the oracle',
    `reply({ kind: 'outcome', metrics: { tookMs: 1 }, findings: ['left'] })`,
    'fail',
    ['left'],
  ],
  [
    'has an uncaught error',
    `reply({ kind: 'outcome', metrics: { tookMs: 1 }, uncaught: ['boom'] })`,
    'crashes',
    ['1 errors that end a process (boom)'],
  ],
  [
    'does not apply',
    `reply({ kind: 'not-applicable', reason: 'no call' })`,
    'not-applicable',
    ['no call'],
  ],
  ['hangs', 'setInterval(() => undefined, 100)', 'hangs', ['the case did not end within 1.5 s']],
  [
    'leaves something running',
    `setInterval(() => undefined, 100); reply({ kind: 'outcome', metrics: { tookMs: 1 } })`,
    'fail',
    ['its process does not end by itself'],
  ],
  ['dies', `process.kill(process.pid, 'SIGKILL')`, 'crashes', ['its process ended with SIGKILL: ']],
])('runCase() says how a case ends that %s', async (name, body, verdict, reasons) => {
  const cell = await runThat(name.replaceAll(' ', '_'), body);
  expect({ verdict: cell.verdict, reasons: cell.reasons }).toEqual({ verdict, reasons });
});

test('runCase() rejects when the case itself is broken: that is no result', async () => {
  await expect(runThat('broken', `reply({ kind: 'broken', reason: 'no server' })`)).rejects.toThrow(
    CaseBrokenError,
  );
});
