import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { processTree, signal, stillRunning } from './_process_tree.ts';

test('processTree() finds a process and what it has started, parents first, until they have ended', async () => {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 & (sleep 61; :) & echo up; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const pid = child.pid ?? Number.NaN;
  await once(child.stdout, 'data');
  // The shell, two of its children, and one child of theirs.
  await expect.poll(() => processTree(pid).length).toBe(4);
  const tree = processTree(pid);
  expect(tree[0]).toMatchObject({ pid, parent: process.pid, zombie: false });
  tree.slice(1).forEach((entry, n) => {
    expect(tree.slice(0, n + 1).map((earlier) => earlier.pid)).toContain(entry.parent);
  });
  expect(stillRunning(tree)).toEqual(tree);

  signal(tree, 'SIGKILL');
  await once(child, 'close');
  await expect.poll(() => stillRunning(tree)).toEqual([]);
  expect(processTree(pid)).toEqual([]);
  signal(tree, 'SIGKILL');
});

test('stillRunning() does not take a later process with the same number for the one that is meant', () => {
  const [own] = processTree(process.pid);
  if (own === undefined) throw new Error('this process has no entry');
  expect(stillRunning([own])).toHaveLength(1);
  expect(stillRunning([{ ...own, started: 'earlier' }])).toEqual([]);
});
