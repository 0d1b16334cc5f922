import { expect, inject, test } from 'vitest';
import { runCase } from './case_runner.ts';
import { FAULTS } from './catalog.ts';

/** Another one with FAULT_SEED, to replay a run that failed. */
const seed = Number(process.env['FAULT_SEED'] ?? Math.floor(Math.random() * 1e6));

test.each(FAULTS.filter(({ id }) => ['F01', 'F12', 'F61', 'F66'].includes(id)))(
  'Pool meets $id: $happens',
  async (fault) => {
    const order = {
      fault: fault.id,
      subject: 'fynlo',
      profile: 'quick',
      seed,
      serverUrl: inject('postgresUrl'),
    } as const;
    const cell = await runCase(fault, order, new AbortController().signal);
    expect({ ...cell, seed }).toMatchObject({ verdict: 'pass', reasons: [] });
  },
  60_000,
);
