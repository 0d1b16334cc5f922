import { expect, test } from 'vitest';
import type { MicroCase } from './micro_suite.ts';
import { timeCases } from './time_cases.ts';

const MAX_SECONDS = 0.05;

/** A case that adds one a run, as `run` says. */
function counting(run: (runs: number) => number): MicroCase {
  let runs = 0;
  return {
    name: 'counting',
    make: async () => ({ run: () => run(++runs), check: (sum, all) => sum === all }),
  };
}

test('timeCases() times a case that does its work', async () => {
  const [timing] = await timeCases([counting(() => 1)], MAX_SECONDS);
  expect(timing?.opsPerSecond).toBeGreaterThan(1000);
  expect(timing?.text).toMatch(/^counting x [\d,.]+ ops\/sec/);
});

test('timeCases() fails when a case throws, at once or after many good runs', async () => {
  const broken = counting(() => {
    throw new Error('no stock');
  });
  await expect(timeCases([broken], MAX_SECONDS)).rejects.toThrow('counting threw: no stock');
  const failing = counting((runs) => {
    if (runs > 1000) throw new Error('out of stock');
    return 1;
  });
  await expect(timeCases([failing], MAX_SECONDS)).rejects.toThrow('counting threw: out of stock');
});

test('timeCases() fails when the results are not those of the work', async () => {
  const idle = counting((runs) => (runs % 100 === 0 ? 0 : 1));
  await expect(timeCases([idle], MAX_SECONDS)).rejects.toThrow('counting did not do its work');
});
