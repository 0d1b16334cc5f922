import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { SCENARIOS } from './catalog.ts';

const manifest = createRequire(import.meta.url).resolve('@fynlo/bench/package.json');

test.each(SCENARIOS.map((scenario) => [scenario.id, scenario] as const))(
  '%s has a closed loop and then an open one, or says why it is an open one, if the command line may change its loops, and the README lists it',
  async (id, { takes, loop, params }) => {
    const mayBeEither = takes === undefined || takes.includes('rate');
    const { ratePerSecond, openRatePerSecond } = params;
    const rates = [ratePerSecond, openRatePerSecond].filter((rate) => rate !== undefined);
    expect(rates).toHaveLength(mayBeEither ? 1 : 0);
    const kind = ratePerSecond === undefined ? 'closed, then open' : 'open';
    expect(loop?.split(':')[0]).toBe(mayBeEither ? kind : undefined);
    for (const rate of rates) expect(loop).toContain(`${rate.toLocaleString('en-US')} `);
    const readme = await readFile(join(dirname(manifest), 'README.md'), 'utf8');
    const listed = readme
      .split('\n')
      .find(
        (line) =>
          line.startsWith('- `') &&
          line.includes(`\`${id}\``) &&
          /` (closed, then )?open: /.test(line),
      );
    expect(listed?.replace(/^- (`\w+` )+/, '')).toBe(loop);
  },
);
