import { expect, inject, test } from 'vitest';
import { runCase } from './case_runner.ts';
import { FAULTS } from './catalog.ts';

/**
 * Cases of the catalogue that are a test of pool-core as well, of about the same name, and take longer than the rest; the
 * command runs them all. F42 and F48 are bounds on time alone, which a machine busy with tests does not keep.
 */
const TESTED_IN_POOL_CORE: ReadonlySet<string> = new Set([
  ...[
    'F04',
    'F05',
    'F10',
    'F11',
    'F11i',
    'F11s',
    'F13',
    'F14',
    'F15',
    'F17',
    'F18g',
    'F19',
    'F40',
    'F41',
    'F46',
    'F47',
  ],
  ...['F20', 'F21', 'F30', 'F31', 'F32', 'F32n', 'F33', 'F34', 'F53', 'F77', 'F80', 'F81', 'F82'],
  ...['F42', 'F48', 'F52', 'F63', 'F75', 'F64', 'F65', 'F66', 'F67', 'F68', 'F69'],
]);

/** Replays a run that failed: FAULT_SEED=<its seed>. */
const seed = Number(process.env['FAULT_SEED'] ?? Math.floor(Math.random() * 1e6));

test.each(FAULTS.filter(({ id }) => !TESTED_IN_POOL_CORE.has(id)))(
  'Pool meets $id $name',
  async (fault) => {
    const cell = await runCase(
      fault,
      {
        fault: fault.id,
        subject: 'fynlo',
        profile: 'quick',
        seed,
        serverUrl: inject('postgresUrl'),
        timeFactor: 5,
      },
      new AbortController().signal,
    );
    expect({ ...cell, seed }).toMatchObject({ verdict: 'pass', reasons: [] });
  },
  90_000,
);
