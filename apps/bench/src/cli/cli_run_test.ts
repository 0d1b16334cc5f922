import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ResultFile } from '../results/result_file.ts';
import { folder, run, servers } from './_cli_fixture.ts';

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
