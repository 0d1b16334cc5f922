import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder, resultOf, run, servers } from './_cli_fixture.ts';

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
