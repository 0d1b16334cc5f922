import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scenarioById } from '../scenario/catalog.ts';
import {
  type Baseline,
  committedBaselineFile,
  compareWithBaseline,
  loadOf,
  notCompared,
  readBaseline,
  readCommittedBaseline,
  writeBaseline,
} from './baseline.ts';
import type { ResultFile } from './result_file.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'baseline-'));
});
afterAll(() => rm(folder, { recursive: true }));

const params = { callers: 64, connections: 10, warmupMs: 100, durationMs: 400 };

/** A run in which ours is so many times as fast as the peer, and its p99 so many times as long. */
function result(ops: number, p99: number, load: Partial<typeof params> = {}): ResultFile {
  const rounds = (opsPerSecond: number, p99Ms: number) =>
    [1, 1.001, 0.999, 1.002, 0.998, 1.003].map((noise, round) => ({
      round,
      position: round,
      metrics: { opsPerSecond: opsPerSecond * noise, p99Ms: p99Ms * noise },
    }));
  const criterion = (metric: string) => ({
    criterion: { metric, subject: 'ours', peer: 'pg', op: '>=', bound: 1 },
  });
  return {
    startedAt: '2026-01-01T00:00:00Z',
    environment: { node: 'v20', cpu: 'a cpu', cores: 2 },
    scenarios: [
      {
        id: 'P6',
        params: { ...params, ...load },
        criteria: [criterion('opsPerSecond'), criterion('p99Ms')],
        subjects: [
          { name: 'ours', settings: '', rounds: rounds(1000 * ops, 10 * p99) },
          { name: 'pg', settings: '', rounds: rounds(1000, 10) },
        ],
      },
    ],
  } as unknown as ResultFile;
}

async function baseline(): Promise<Baseline> {
  const file = join(folder, 'ratios.json');
  await writeBaseline(file, result(1.5, 1));
  return readBaseline(file);
}

test.each([
  ['as it was', 1.5, 1, ['same', 'same']],
  ['within what another machine may show', 1.4, 1.25, ['same', 'same']],
  ['slower by more than a tenth', 1.3, 1, ['worse', 'same']],
  ['with a far longer tail', 1.5, 1.4, ['same', 'worse']],
  ['faster', 1.8, 0.5, ['better', 'better']],
])('compareWithBaseline() judges a run that is %s', async (_, ops, p99, verdicts) => {
  const changes = compareWithBaseline(await baseline(), result(ops, p99));
  expect(changes.map(({ verdict }) => verdict)).toEqual(verdicts);
});

test('compareWithBaseline() compares no row that was measured under another load', async () => {
  for (const [part, other] of Object.entries({ callers: 8, connections: 2, warmupMs: 3000 })) {
    const run = result(0.1, 9, { [part]: other });
    expect(compareWithBaseline(await baseline(), run), part).toEqual([]);
    expect(notCompared(await baseline(), run), part).toEqual([
      expect.stringMatching(new RegExp(`^P6 is not compared .*"${part}":${other}`)),
    ]);
  }
  const longer = compareWithBaseline(await baseline(), result(0.1, 9, { durationMs: 4000 }));
  expect(longer).toHaveLength(2);
});

test('notCompared() names the rows that the baseline lacks, and the metrics of those that it has', async () => {
  const whole = await baseline();
  expect(notCompared(whole, result(1.5, 1))).toEqual([]);
  expect(notCompared({ ...whole, ratios: [], loads: {} }, result(1.5, 1))).toEqual([
    'P6 is not in the baseline',
  ]);
  const ratios = whole.ratios.filter(({ metric }) => metric !== 'p99Ms');
  expect(notCompared({ ...whole, ratios }, result(1.5, 1))).toEqual([
    'P6 p99Ms is not in the baseline',
  ]);
});

test('readCommittedBaseline() says in one line when the file is missing', async () => {
  const notes: string[] = [];
  const path = join(folder, 'missing.json');
  expect(await readCommittedBaseline((line) => notes.push(line), path)).toBeUndefined();
  expect(notes).toHaveLength(1);
  expect(notes[0]).toContain(`No baseline at ${path}`);
});

test('readCommittedBaseline() reads what writeBaseline() wrote, and has nothing to say then', async () => {
  const path = join(folder, 'committed.json');
  await writeBaseline(path, result(1.5, 1));
  const notes: string[] = [];
  const read = await readCommittedBaseline((line) => notes.push(line), path);
  expect(read?.ratios).toHaveLength(2);
  expect(notes).toEqual([]);
});

test.runIf(existsSync(committedBaselineFile()))(
  'the committed baseline has ratios of rows at the very load that a run of them has',
  async () => {
    const { ratios, loads } = await readBaseline(committedBaselineFile());
    expect(ratios.length).toBeGreaterThan(0);
    for (const { scenario: id, metric, subject, peer, samples } of ratios) {
      const scenario = scenarioById(id);
      expect(scenario?.criteria).toContainEqual(
        expect.objectContaining({ metric, subject, peer: peer ?? 'a peer' }),
      );
      expect(scenario === undefined ? undefined : loadOf(scenario.params)).toEqual(loads[id]);
      // So few rounds on both sides can show a regression at all.
      expect(samples.length).toBeGreaterThanOrEqual(5);
    }
  },
);
