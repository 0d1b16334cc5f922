import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ResultFile } from '../results/result_file.ts';
import { folder, resultOf, run, servers } from './_cli_fixture.ts';

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
