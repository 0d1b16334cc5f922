import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { SCENARIOS } from './catalog.ts';

const manifest = createRequire(import.meta.url).resolve('@fynlo/bench/package.json');

test.each(SCENARIOS.map((scenario) => [scenario.id, scenario] as const))(
  '%s says why its load is the loop that it is, if it may be either, and the README has it in its list',
  async (id, { takes, loop, params }) => {
    const mayBeEither = takes === undefined || takes.includes('rate');
    expect(loop?.split(':')[0]).toBe(
      mayBeEither ? (params.ratePerSecond === undefined ? 'closed' : 'open') : undefined,
    );
    const readme = await readFile(join(dirname(manifest), 'README.md'), 'utf8');
    const listed = readme
      .split('\n')
      .find(
        (line) =>
          line.startsWith('- `') && line.includes(`\`${id}\``) && /` (open|closed): /.test(line),
      );
    expect(listed?.replace(/^- (`\w+` )+/, '')).toBe(loop);
  },
);
