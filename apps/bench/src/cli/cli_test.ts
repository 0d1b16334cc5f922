import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { FaultMatrix } from '../faults/matrix.ts';
import type { ResultFile } from '../results/result_file.ts';

/** The program as users start it: the build. */
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(
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

const run = (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> =>
  start(args, env).ended;

const servers = (): NodeJS.ProcessEnv => ({
  DATABASE_URL: inject('postgresUrl'),
  REDIS_URL: inject('redisUrl'),
});

test.each([
  [['rum'], 'Unknown command "rum", did you mean "run"?'],
  [['run', 'scalng'], 'Unknown scenario "scalng", did you mean "scaling"?'],
  [['run', '--profil', 'quick'], 'Unknown flag --profil, did you mean --profile?'],
  [['run', '--profile', 'fast'], '--profile wants one of quick, ci, full, got "fast"'],
  [['run', '--seed', 'NaN'], '--seed wants a whole number from 0 to 2147483648, got "NaN"'],
  [['run', 'P6', '--pool', 'pg.Pol'], 'Unknown subject "pg.Pol", did you mean "pg.Pool"?'],
  [['run', 'P6', 'P9', '--pool', 'postgres.js'], 'P9 has no subject postgres.js: it has fynlo'],
  [['run', 'P6', '--skip', 'P7'], '--skip P7: it is not among those to run (P6)'],
  [['run', 'P6', '--threshold', 'P6.p99<1ms'], 'Unknown metric "p99"'],
  [['run', 'P6', '--closed', '--threshold', 'P6.openP99Ms<1'], 'for P6: not measured: under this'],
  [['run', 'P6', '--fail-on', 'regresion'], '--fail-on wants threshold, regression'],
  [['run', 'P6', '--baseline', 'none.json'], 'Cannot read none.json: ENOENT'],
  [['run', 'P6', '--resume', 'none.json'], 'Cannot read none.json: ENOENT'],
  [['run', 'P6', '--closed', '--rate', '100'], '--closed and --rate exclude each other'],
  [['run', 'P6', '-R', '100', '--callers', '8'], 'P6 at 100 a second is an open loop'],
  [['run', 'K4', '--callers', '8'], 'leave out --callers, or say --closed'],
  [['run', 'P8', '-R', '100'], 'P8 does not take --rate: of the load flags it takes --callers'],
  [['run', 'P10', '--closed'], 'P10 does not take --closed'],
  [['run', 'P6', 'S3', '-d', '1'], 'S3 does not take --duration: of the load flags it takes none'],
  [['run', 'K2', '-c', '2'], 'K2 does not take --connections'],
  [['run', 'scaling', 'P6'], 'run them one after the other'],
  [['run', '--rounds', '3'], '--rounds is for target scenarios'],
  [['compare', 'a.json'], 'compare wants two'],
  [['doctor', 'postgres://x'], 'doctor takes no arguments'],
  [['micro', 'histogram'], 'Unknown suite "histogram"'],
  [['report', 'package.json'], 'is not a result of fynlo-bench'],
  [['faults', 'F99'], 'Unknown fault "F99"'],
  [['faults', 'F01', '--subjects', 'pg.Pol'], 'Unknown subject "pg.Pol", did you mean "pg.Pool"?'],
])(
  'fynlo-bench %j ends with 2 and one line that says what would be right',
  async (args, message) => {
    const { code, out, err } = await run(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
    expect(err.trim().split('\n')).toHaveLength(1);
  },
);

test.each([
  [
    'an unreachable DATABASE_URL',
    ['run'],
    { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' },
    '127.0.0.1:1',
  ],
  [
    'an unreachable REDIS_URL',
    ['run'],
    { REDIS_URL: 'redis://:secret@127.0.0.1:1' },
    '127.0.0.1:1',
  ],
  [
    'an output folder that cannot be made',
    ['run', '--out', '/dev/null/x'],
    {},
    'choose another with --out',
  ],
])('fynlo-bench with %s ends with 3 and one clear line', async (_, args, env, message) => {
  const out = args.includes('--out') ? [] : ['--out', join(folder, 'unfit')];
  const ended = await run([...args, ...out, '--quiet'], { ...servers(), ...env });
  expect(ended.code).toBe(3);
  expect(ended.err).toContain(message);
  expect(ended.err).not.toContain('secret');
  expect(ended.err.trim().split('\n')).toHaveLength(1);
});

test('fynlo-bench with a server that allows too few connections ends with 3 and names the setting', async () => {
  const { startPostgres } = await import('@fynlo/services/postgres');
  await using small = await startPostgres({ external: false, maxConnections: 40 });
  const env = { ...servers(), DATABASE_URL: small.url };
  const ended = await run(['run', '--quiet', '--out', join(folder, 'small')], env);
  expect(ended.code).toBe(3);
  expect(ended.err).toContain('max_connections');
});

test('fynlo-bench run with a subject that breaks ends with 1, whatever may fail it, and says which and why', async () => {
  const { startPostgres } = await import('@fynlo/services/postgres');
  await using small = await startPostgres({ external: false, maxConnections: 40 });
  const env = { ...servers(), DATABASE_URL: small.url };
  const load = ['-c', '60', '--callers', '60', '-n', '1', '-d', '1', '-w', '0'];
  const args = ['run', 'P6', '--pool', 'pg.Pool', ...load, '--fail-on', 'regression', '--quiet'];
  const { code, err } = await run([...args, '--out', join(folder, 'broken')], env);
  expect(code).toBe(1);
  expect(err).toMatch(/P6 broke: Round of pg\.Pool in P6 failed: .*too many clients/);
}, 60_000);

const environment = { node: 'v20', cpu: 'a cpu', cores: 2, memoryGb: 8, load: 0, packages: {} };

/** A result file of one row, in which ours made so many operations a second, round by round, and the peer 1000. */
async function resultOf(
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

test('fynlo-bench compare of two files ends with 98 where a number is worse by more than chance, and with 0 where none is', async () => {
  const before = await resultOf('before', 1500);
  const slower = await run(['compare', before, await resultOf('slower', 1200)]);
  expect(slower.code).toBe(98);
  expect(slower.out).toMatch(/P6 .*-20\.0 %.*worse/);
  const same = await run(['compare', before, await resultOf('same', 1500)]);
  expect(same.code).toBe(0);
  expect(same.out).toContain('No significant difference');
});

test('fynlo-bench compare --html writes the changes as a page, and a page that cannot be written ends it with 2', async () => {
  const files = [await resultOf('page-a', 1500), await resultOf('page-b', 1200)];
  const html = join(folder, 'changes.html');
  expect((await run(['compare', ...files, '--html', html])).code).toBe(98);
  const page = await readFile(html, 'utf8');
  expect(page).toContain('<h1>fynlo-bench compare</h1>');
  expect(page).toMatch(/<tr class="fail"><td>P6<.*-20\.0 %/);
  const { code, err } = await run(['compare', ...files, '--html', folder]);
  expect({ code, err }).toEqual({
    code: 2,
    err: `fynlo-bench: Cannot write ${folder}: EISDIR\n`,
  });
});

test.each([['before'], ['after']])(
  'fynlo-bench compare with a row that broke in the file %s ends with 1 and names the row',
  async (which) => {
    const failure = 'Round of fynlo in P6 failed: it broke\n    at a stack';
    const broken = await resultOf(`broken-${which}`, 1500, { failure });
    const whole = await resultOf(`whole-${which}`, 1500);
    const files = which === 'before' ? [broken, whole] : [whole, broken];
    const { code, out, err } = await run(['compare', ...files]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`P6 broke in ${broken}: Round of fynlo in P6 failed: it broke`);
    expect(err.trim().split('\n')).toHaveLength(1);
  },
);

test('fynlo-bench compare of runs under different loads ends with 2 and says which row and how', async () => {
  const load = { params: { callers: 8, connections: 10, warmupMs: 0, durationMs: 1000 } };
  const files = [await resultOf('load-64', 1500), await resultOf('load-8', 1000, load)];
  const { code, out, err } = await run(['compare', ...files]);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain('P6: 64 callers before, 8 callers after');
});

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

test('fynlo-bench compare of files with nothing in common ends with 2, not as if all were the same', async () => {
  const files = [await resultOf('p6', 1500), await resultOf('p7', 1500, { id: 'P7' })];
  for (const format of ['pretty', 'json']) {
    const { code, out, err } = await run(['compare', ...files, '--format', format]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('no criterion was measured in both runs');
  }
});

test('fynlo-bench compare with a file that lacks a row of the other ends with 2, and says which', async () => {
  const [p6, p7] = [await resultOf('p6', 1500), await resultOf('p7', 1500, { id: 'P7' })];
  const [whole, row] = await Promise.all(
    [p6, p7].map(async (path) => JSON.parse(await readFile(path, 'utf8'))),
  );
  const both = join(folder, 'p6-p7.json');
  await writeFile(
    both,
    JSON.stringify({ ...whole, scenarios: [...whole.scenarios, ...row.scenarios] }),
  );
  const { code, out, err } = await run(['compare', both, p6]);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(`${p6} lacks P7`);
  // More rows than before hide nothing.
  expect((await run(['compare', p6, both])).code).toBe(0);
});

test.each([
  ['a threshold that is missed', ['S3', '--threshold', 'S3.bytes<=1'], 'S3.bytes<=1: measured'],
  ['a target whose subject is not built', ['K9'], ''],
])(
  'fynlo-bench run with %s ends with 99',
  async (_, args, message) => {
    const out = ['--out', join(folder, `missed-${args[0]}`), '--format', 'json', '--quiet'];
    const { code, err } = await run(['run', ...args, ...out], servers());
    expect(code).toBe(99);
    expect(err).toContain(message);
  },
  60_000,
);

test('fynlo-bench run ends with 98 where the baseline was better, and with 0 where it was not', async () => {
  const out = ['--out', join(folder, 'regression'), '--format', 'json', '--quiet'];
  const baseline = async (budgetShare: number): Promise<string> => {
    const path = join(folder, `share-${budgetShare}.json`);
    const row = { scenario: 'S3', metric: 'budgetShare', subject: '@fynlo/pool-core' };
    const value = {
      ...{ kind: 'fynlo-bench-baseline', schemaVersion: 1, startedAt: '', machine: 'a machine' },
      ratios: [{ ...row, samples: Array.from({ length: 6 }, () => budgetShare) }],
      loads: { S3: { callers: 1, connections: 1, warmupMs: 0 } },
    };
    await writeFile(path, JSON.stringify(value));
    return path;
  };
  const args = ['run', 'S3', '-n', '6', ...out];
  const smaller = await run([...args, '--html', '--baseline', await baseline(0.01)], servers());
  expect(smaller.code).toBe(98);
  expect(smaller.err).toMatch(/Against the baseline:[\s\S]*S3 .*worse/);
  // It has no CPU in it: said on stderr and on the page, which has the change as well.
  const note = 'The baseline does not say of which CPU it is';
  expect(smaller.err).toContain(note);
  const page = await readFile(join(folder, 'regression', 'latest.html'), 'utf8');
  expect(page).toMatch(
    new RegExp(`<h2>Against the baseline</h2>[^]*${note}[^]*<tr class="fail"><td>S3`),
  );
  const larger = await run([...args, '--baseline', await baseline(100)], servers());
  expect(larger.code).toBe(0);
}, 60_000);

test.each([
  [['--max', '10'], 0, 'in order'],
  [['--max', '100', '--instances', '20'], 3, 'The service may open 2000 connections'],
  [['--max', '10', '--format', 'json'], 0, '"level": "ok"'],
])(
  'fynlo-bench doctor %j ends with %i and prints its findings on stdout',
  async (args, wanted, text) => {
    const { code, out, err } = await run(['doctor', ...args], servers());
    expect({ code, err }).toEqual({ code: wanted, err: '' });
    expect(out).toContain(text);
  },
);

test('fynlo-bench --help and list tell what there is', async () => {
  const help = await run(['run', '--help']);
  expect(help.code).toBe(0);
  for (const text of ['--profile quick|ci|full', 'Examples', 'Exit codes'])
    expect(help.out).toContain(text);
  const list = await run(['list', '--format', 'json']);
  const ids = (JSON.parse(list.out) as { id: string }[]).map(({ id }) => id);
  const rows = (letter: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
  expect(ids).toEqual([...rows('P', 15), ...rows('K', 9), ...rows('G', 10), ...rows('S', 3)]);
});

test('fynlo-bench run P6 --format json prints one result, with every round, on stdout', async () => {
  const args = [
    'run',
    'P6',
    '-n',
    '1',
    '-d',
    '1',
    '-w',
    '0',
    '--pool',
    'pg.Pool',
    '--format',
    'json',
  ];
  const { code, out } = await run([...args, '--out', join(folder, 'p6')], servers());
  const result = JSON.parse(out) as ResultFile;
  expect(code).toBe(0);
  expect(result.partial).toBe(false);
  const [pg] = result.scenarios[0]?.subjects.filter(({ rounds }) => rounds.length > 0) ?? [];
  expect(pg?.name).toBe('pg.Pool');
  expect(pg?.rounds[0]?.metrics.opsPerSecond).toBeGreaterThan(10);
  // By default both loops, each with its response times.
  expect(pg?.rounds[0]?.metrics.openP99Ms).toBeGreaterThan(0);
  for (const buckets of [pg?.rounds[0]?.histogram, pg?.rounds[0]?.openHistogram])
    expect(buckets?.length).toBeGreaterThan(0);
  expect(result.environment.postgres?.version).toMatch(/^\d+/);
  expect(JSON.parse(await readFile(join(folder, 'p6', 'latest.json'), 'utf8'))).toEqual(result);
}, 60_000);

test('fynlo-bench run --resume keeps the rows that are there and runs those that are missing or broke, and marks what is of another commit', async () => {
  const file = join(folder, 'groups', 'table.json');
  const short = ['-n', '1', '--format', 'json', '--quiet', '--fail-on', 'regression'];
  const rows = (text: string): string[] =>
    (JSON.parse(text) as ResultFile).scenarios.map(({ id }) => id);
  // K9 is not built: a row that takes no time.
  const first = await run(['run', 'S3', '--out', file, ...short], servers());
  expect([first.code, rows(first.out)]).toEqual([0, ['S3']]);
  const second = await run(['run', 'K9', '--resume', file, ...short], servers());
  expect([second.code, rows(second.out)]).toEqual([0, ['K9', 'S3']]);
  expect((JSON.parse(second.out) as ResultFile).earlier?.map((r) => r.rows)).toEqual([['S3']]);

  const written = JSON.parse(await readFile(file, 'utf8')) as {
    scenarios: object[];
    earlier: { environment: object }[];
  };
  const [k9, s3] = written.scenarios;
  const broken = {
    ...written,
    scenarios: [
      { ...k9, failure: 'it broke' },
      { ...s3, tookMs: 1 },
    ],
    earlier: written.earlier.map((one) => ({
      ...one,
      environment: { ...one.environment, commit: '0'.repeat(40) },
    })),
  };
  await writeFile(file, JSON.stringify(broken));
  const third = await run(['run', 'K9', 'S3', '--resume', file, ...short], servers());
  expect(third.code).toBe(0);
  const { scenarios } = JSON.parse(third.out) as ResultFile;
  expect(scenarios[0]?.failure).toBeUndefined();
  expect(scenarios[1]?.tookMs).toBe(1);
  expect(scenarios.map(({ elsewhere }) => elsewhere)).toEqual([
    undefined,
    [expect.stringMatching(/^commit 0000000000 /)],
  ]);
}, 60_000);

test('fynlo-bench run --resume of a file that was asked otherwise ends with 2 and says what differs and what to do', async () => {
  const asked = { profile: 'full', seed: '1' };
  const file = await resultOf('asked', 1500, {}, { asked, command: 'fynlo-bench run P6' });
  const { code, out, err } = await run(['run', 'P7', '--seed', '2', '--resume', file], servers());
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toBe(
    `fynlo-bench: Cannot resume ${file}: --seed 1 there, --seed 2 here. Give the flags it was made with (fynlo-bench run P6), or measure anew without --resume\n`,
  );
});

test('fynlo-bench compare of two runs of the same code, each in processes of its own, sees no difference', async () => {
  const [a, b] = [join(folder, 'pair-a.json'), join(folder, 'pair-b.json')];
  const once = ['run', 'S3', '--format', 'json', '--quiet', '--fail-on', 'regression', '--out'];
  const runs = await Promise.all([a, b].map((file) => run([...once, file], servers())));
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
  // A size: the one number here that a second run must find again to the byte, whatever else the machine does.
  const { code, out } = await run(['compare', a, b]);
  expect(out).toContain('No significant difference');
  expect(code).toBe(0);
}, 60_000);

test('fynlo-bench report of several files is one table, and says what no file has', async () => {
  const file = async (name: string, value: object): Promise<string> => {
    const path = join(folder, `${name}.json`);
    await writeFile(path, JSON.stringify(value));
    return path;
  };
  const base = { kind: 'fynlo-bench', schemaVersion: 1, partial: false, pending: [], seed: 1 };
  const scenario = (id: string): object => ({
    ...{ id, name: id, question: `${id}?`, target: 'a target', tookMs: 1, subjects: [] },
    ...{ params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 } },
    ...{ verdict: 'pass', criteria: [] },
  });
  const dates = { startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:00:00Z' };
  const common = { ...base, ...dates, environment };
  const a = await file('a', { ...common, command: 'a', scenarios: [scenario('K1')] });
  const pending = [{ id: 'P2', name: 'P2', target: 'another target' }];
  const b = await file('b', { ...common, command: 'b', scenarios: [scenario('P1')], pending });
  const { code, out } = await run(['report', a, b, '--format', 'markdown']);
  expect(code).toBe(0);
  const table = out
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('target |'));
  expect(table.map((line) => line.split(' | ').slice(1, 2))).toEqual([
    ['id'],
    ['P1'],
    ['K1'],
    ['P2'],
  ]);
  expect(out).toContain('not measured');
  expect(out).toContain('partial');
});

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

test('fynlo-bench faults writes the matrix as JSON and Markdown, and what other pools fail does not fail it', async () => {
  const out = join(folder, 'faults');
  const args = ['faults', 'F61', '--subjects', 'fynlo,generic-pool,knex', '--format', 'json'];
  const { code, out: printed } = await run([...args, '--out', out], servers());
  const matrix = JSON.parse(printed) as FaultMatrix;
  expect(matrix.cells.map(({ subject, verdict }) => [subject, verdict])).toEqual([
    ['fynlo', 'pass'],
    ['knex', 'fail'],
    ['generic-pool', 'pass'],
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(await readFile(join(out, 'faults.json'), 'utf8'))).toEqual(matrix);
  expect(await readFile(join(out, 'faults.md'), 'utf8')).toContain('| [F61](#f61) |');
}, 60_000);

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
