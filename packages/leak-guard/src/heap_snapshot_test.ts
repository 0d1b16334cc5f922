import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@fynlo/testing/fake-clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HeapSnapshots } from './heap_snapshot.ts';
import { resolveOptions, type SnapshotOptions } from './options.ts';

let directory: string;
let clock: FakeClock;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fynlo-snapshot-'));
  clock = new FakeClock();
});

afterEach(() => rm(directory, { recursive: true }));

const snapshots = (options: Partial<SnapshotOptions> = {}): HeapSnapshots =>
  new HeapSnapshots(
    resolveOptions({ snapshot: { directory, headroomFactor: 1, ...options } }).snapshot,
    clock,
  );

test('L06 a snapshot is written once, then not before the cooldown is over', async () => {
  const taker = snapshots();
  const first = await taker.take();
  expect(first).toMatchObject({ file: expect.stringContaining(directory) });
  expect((await readdir(directory)).length).toBe(1);
  if ('file' in first) expect((await stat(first.file)).size).toBe(first.bytes);
  expect(await taker.take()).toEqual({ refused: 'cooldown' });
  await clock.advance(3_600_000);
  await writeFile(join(directory, 'fynlo-1-older.heapsnapshot'), 'x');
  expect(await taker.take()).toEqual({ refused: 'file-cap' });
}, 60_000);

test('L06 nothing is written where it could pass the bytes allowed', async () => {
  expect(await snapshots({ maxBytes: 1_000 }).take()).toEqual({ refused: 'disk-cap' });
  expect(await readdir(directory)).toEqual([]);
});

test('a folder that does not exist is told, not thrown', async () => {
  expect(await snapshots({ directory: join(directory, 'missing') }).take()).toMatchObject({
    refused: 'failed',
  });
});

test('by default none is taken', async () => {
  expect(await new HeapSnapshots(false, clock).take()).toEqual({ refused: 'off' });
});
