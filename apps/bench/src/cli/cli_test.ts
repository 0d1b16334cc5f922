import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FaultMatrix } from '../faults/matrix.ts';
import { environment, folder, run, servers } from './_cli_fixture.ts';

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
