// Drizzle takes an object for a pool by the name of its class, Prisma's adapter by what it inherits from; minifiers take names away.
import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import pg from 'pg';
import { expect, test } from 'vitest';

const root = dirname(import.meta.dirname);

test('a Pool that was bundled and minified is still a pg.Pool, and says so by its name', async () => {
  // Within the project, so that the bundle finds the same pg.
  const folder = mkdtempSync(join(root, 'node_modules', '.minified-'));
  try {
    const outfile = join(folder, 'app.mjs');
    await build({
      stdin: {
        contents: `export { Pool } from './mod.js'; export const bare = class LongName {};`,
        resolveDir: join(root, 'packages/pool-core/dist'),
      },
      outfile,
      bundle: true,
      minify: true,
      keepNames: false,
      format: 'esm',
      platform: 'node',
      external: ['pg'],
    });
    const { Pool, bare } = await import(pathToFileURL(outfile).href);
    expect(bare.name).not.toContain('LongName');
    const pool = new Pool();
    expect(pool).toBeInstanceOf(pg.Pool);
    expect(Object.getPrototypeOf(pool).constructor.name).toContain('Pool');
    await pool.end();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
