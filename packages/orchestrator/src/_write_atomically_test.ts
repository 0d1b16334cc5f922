import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAtomically } from './_write_atomically.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fynlo-write-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('writeAtomically()', () => {
  it('makes the folders it needs, replaces what was there, and leaves nothing beside it', async () => {
    const path = join(dir, 'a', 'b', 'results.json');
    await writeAtomically(path, 'old');
    await writeAtomically(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(join(dir, 'a', 'b'))).toEqual(['results.json']);
  });

  it('cleans up after a failure', async () => {
    await writeFile(join(dir, 'file'), '');
    await expect(writeAtomically(join(dir, 'file', 'x.json'), '{}')).rejects.toThrow();
    await expect(writeAtomically(dir, '{}')).rejects.toThrow();
    expect(await readdir(dir)).toEqual(['file']);
  });
});
