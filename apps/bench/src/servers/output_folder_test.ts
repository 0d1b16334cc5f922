import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EnvironmentError } from '../cli/errors.ts';
import { prepareOutputFolder } from './output_folder.ts';

test('prepareOutputFolder() makes a folder of several levels, and takes one that is there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'out-'));
  const deep = join(folder, 'a', 'b', 'c');
  await prepareOutputFolder(deep);
  await prepareOutputFolder(deep);
  expect((await stat(deep)).isDirectory()).toBe(true);
  await rm(folder, { recursive: true });
});

test('prepareOutputFolder() refuses a place that takes no folders, and a file, without hanging', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'out-'));
  await writeFile(join(folder, 'file'), '');
  await expect(prepareOutputFolder(join(folder, 'file', 'below'))).rejects.toThrow(
    EnvironmentError,
  );
  await rm(folder, { recursive: true });
  const nowhere = process.platform === 'linux' ? '/proc/fynlo' : '/dev/null/fynlo';
  await expect(prepareOutputFolder(nowhere)).rejects.toThrow(/choose another with --out/);
});
