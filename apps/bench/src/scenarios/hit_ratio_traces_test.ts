import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  generatedTraces,
  parseArcTrace,
  parseLirsTrace,
  publicTraces,
} from './hit_ratio_traces.ts';

test('parseArcTrace() reads runs of blocks, numbered in the order in which they come', () => {
  expect([...parseArcTrace('500 3 0 0\n501 1 0 1\n\n')]).toEqual([0, 1, 2, 1]);
});

test('parseLirsTrace() reads a block a line and skips the stars', () => {
  expect([...parseLirsTrace('9\n*\n7\n9\n')]).toEqual([0, 1, 0]);
});

test.each([
  ['parseArcTrace()', () => parseArcTrace('500 many\n')],
  ['parseLirsTrace()', () => parseLirsTrace('nine\n')],
])('%s refuses what is no number', (_, parse) => {
  expect(parse).toThrow();
});

test('publicTraces() reads the folder that is named, and refuses one without a trace', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'traces-'));
  try {
    await expect(publicTraces(folder)).rejects.toThrow('has no .lis or .trace file');
    await writeFile(join(folder, 'a.lis'), '1 2 0 0\n');
    await writeFile(join(folder, 'b.trace'), '4\n4\n');
    const traces = await publicTraces(folder);
    expect(traces.map(({ name, keys }) => [name, [...keys]])).toEqual([
      ['a.lis', [0, 1]],
      ['b.trace', [0, 0]],
    ]);
    expect(await publicTraces(undefined)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('generatedTraces() are the same for a seed, and others for another', () => {
  const [first] = generatedTraces(1);
  expect(generatedTraces(1)[0]?.keys).toEqual(first?.keys);
  expect(generatedTraces(2)[0]?.keys).not.toEqual(first?.keys);
});
