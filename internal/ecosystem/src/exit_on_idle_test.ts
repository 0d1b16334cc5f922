import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';

/** A process that has used its pool for one query, and does nothing more. */
function idler(library: string, allowExitOnIdle: boolean) {
  const program = `
    import * as library from '${library}';
    const { Pool } = library.default ?? library;
    const pool = new Pool({
      connectionString: process.env.DATABASE_URL,
      idleTimeoutMillis: 600_000,
      allowExitOnIdle: ${allowExitOnIdle},
    });
    await pool.query('select 1');
    await (await pool.connect()).release();
    console.log(pool.idleCount);
  `;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, DATABASE_URL: inject('postgresUrl') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test.each(['pg', '@fynlo/pool-core'])(
  'a process with an idle client of %s ends by itself with allowExitOnIdle, and only with that',
  async (library) => {
    const [ending, staying] = [idler(library, true), idler(library, false)];
    try {
      const exited = once(ending, 'exit');
      const told = await Promise.all([once(ending.stdout, 'data'), once(staying.stdout, 'data')]);
      expect(told.map(String)).toEqual(['1\n', '1\n']);
      expect(await exited).toEqual([0, null]);
      expect(staying.exitCode).toBeNull();
    } finally {
      ending.kill('SIGKILL');
      staying.kill('SIGKILL');
    }
  },
);
