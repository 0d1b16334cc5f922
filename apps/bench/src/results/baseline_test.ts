import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scenarioById } from '../scenario/catalog.ts';
import type { Params } from '../scenario/scenario.ts';
import {
  type Baseline,
  baselineNotes,
  committedBaselineFile,
  compareWithBaseline,
  isSameLoad,
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

const params: Params = { callers: 64, connections: 10, warmupMs: 100, durationMs: 400 };

/** A run in which ours is so many times as fast as the peer, and its p99 so many times as long. */
function result(ops: number, p99: number, load: Partial<Params> = {}): ResultFile {
  const rounds = (opsPerSecond: number, p99Ms: number) =>
    [1, 1.001, 0.999, 1.002, 0.998, 1.003].map((noise, round) => ({
      round,
      position: round,
      metrics: {
        opsPerSecond: opsPerSecond * noise,
        p99Ms: p99Ms * noise,
        ...(load.openRatePerSecond === undefined ? {} : { openP99Ms: p99Ms * noise }),
      },
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
        criteria: [criterion('opsPerSecond'), criterion('p99Ms'), criterion('openP99Ms')],
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

test('compareWithBaseline() compares a closed loop whatever open one followed it, and an open one at the same rate alone', async () => {
  const file = join(folder, 'open.json');
  await writeBaseline(file, result(1.5, 1, { openRatePerSecond: 500 }));
  const open = await readBaseline(file);
  const found = (against: Baseline, load: Partial<Params>) => {
    const run = result(1.5, 9, load);
    return [
      compareWithBaseline(against, run).map(({ metric, verdict }) => `${metric} ${verdict}`),
      notCompared(against, run),
    ];
  };
  const closed = ['opsPerSecond same', 'p99Ms worse'];
  expect(found(open, { openRatePerSecond: 500 })).toEqual([[...closed, 'openP99Ms worse'], []]);
  for (const load of [{}, { openRatePerSecond: 600 }])
    expect(found(open, load)).toEqual([
      closed,
      [expect.stringMatching(/^P6 openP99Ms is not compared .*"openRatePerSecond":500/)],
    ]);
  expect(found(await baseline(), { openRatePerSecond: 500 })).toEqual([
    closed,
    ['P6 openP99Ms is not in the baseline'],
  ]);
});

/** The run as another machine would have it. */
const on = (environment: object, run: ResultFile): ResultFile => ({
  ...run,
  environment: { ...run.environment, ...environment },
});

test.each([
  ['of the same machine', {}, 1.3, 1.4, ['worse', 'worse']],
  ['of another CPU model', { cpu: 'a faster cpu' }, 1.3, 1.4, ['same', 'same']],
  ['of another number of cores', { cores: 4 }, 1.3, 1.4, ['same', 'same']],
  ['of another machine, worse by more', { cores: 4 }, 1, 1.6, ['worse', 'worse']],
])(
  'compareWithBaseline() of a run %s has the tolerance for it, and says so',
  async (_, environment, ops, p99, verdicts) => {
    const run = on(environment, result(ops, p99));
    expect(compareWithBaseline(await baseline(), run).map(({ verdict }) => verdict)).toEqual(
      verdicts,
    );
    const notes = baselineNotes(await baseline(), run);
    if (Object.keys(environment).length === 0) expect(notes).toEqual([]);
    else
      expect(notes).toEqual([
        expect.stringMatching(
          /^The baseline is of a cpu, 2 cores, .* by 30 % or more \(tails: 50 %\)$/,
        ),
      ]);
  },
);

test('a baseline that does not say of which machine it is counts as one of another', async () => {
  const { cpu: _, cores: __, ...whole } = await baseline();
  const run = result(1.3, 1);
  expect(compareWithBaseline(whole, run)[0]?.verdict).toBe('same');
  expect(baselineNotes(whole, run)).toEqual([
    expect.stringMatching(
      /^The baseline does not say of which CPU it is, this run of a cpu, 2 cores/,
    ),
  ]);
  // Nothing is compared, and there is nothing to know of it.
  expect(baselineNotes({ ...whole, ratios: [], loads: {} }, run)).toHaveLength(1);
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
      const [load, theirs] = [scenario && loadOf(scenario.params), loads[id]];
      expect(load && theirs && isSameLoad(load, theirs, metric), `${id} ${metric}`).toBe(true);
      // So few rounds on both sides can show a regression at all.
      expect(samples.length).toBeGreaterThanOrEqual(5);
    }
  },
);
