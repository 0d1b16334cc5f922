/** Nothing is left, however the process ends that started the servers. */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { type Account, isRoot, unprivilegedAccount } from './_account.ts';
import { BuiltClone, type CloneChild } from './_built_clone.ts';
import { cacheFolder } from './_cache_folder.ts';
import { reachableByOthers } from './_paths.ts';
import { signal } from './_process_tree.ts';
import { startPgBouncer } from './pgbouncer.ts';

vi.setConfig({ testTimeout: 60_000 });

interface Layout {
  readonly name: string;
  readonly mode: number;
  readonly account: Account;
}

/** Who runs the clone, and who can get into it: PostgreSQL's binaries run in place, or from a tree of their own. */
const layouts: Layout[] = [];
if (!isRoot) layouts.push({ name: 'an ordinary user', mode: 0o755, account: {} });
else {
  layouts.push({ name: 'root, in a clone that is closed to others', mode: 0o700, account: {} });
  layouts.push({ name: 'root, in a clone that others can read', mode: 0o755, account: {} });
  // Node itself may be where only root can get to it.
  if (await reachableByOthers(process.execPath)) {
    layouts.push({ name: 'an ordinary user', mode: 0o755, account: await unprivilegedAccount() });
  }
}

/** The System V segments of the kernel, by number; PostgreSQL's lock on its data is one. */
function segments(): string[] {
  const table = '/proc/sysvipc/shm';
  if (!existsSync(table)) return [];
  const rows = readFileSync(table, 'utf8').trim().split('\n').slice(1);
  return rows.map((row) => row.trim().split(/\s+/)[1] ?? '');
}

function segmentOf(postgresFolder: string): string {
  const [, id = ''] =
    /^\s*\d+\s+(\d+)\s*$/m.exec(
      readFileSync(join(postgresFolder, 'data', 'postmaster.pid'), 'utf8').split('\n')[6] ?? '',
    ) ?? [];
  return id;
}

async function expectNothingLeft(child: CloneChild): Promise<void> {
  await expect.poll(() => child.leftovers(), { timeout: 30_000, interval: 50 }).toEqual([]);
}

test('the tests below stand for every kind of account that this one can be', () => {
  const names = layouts.map(({ name }) => name);
  expect(names).toContain(
    isRoot ? 'root, in a clone that is closed to others' : 'an ordinary user',
  );
  expect(names.length).toBe(isRoot ? (names.includes('an ordinary user') ? 3 : 2) : 1);
});

// A clone gets a copy of what is unpacked by then, and not every account of these may unpack it.
beforeAll(async () => {
  const pooler = await startPgBouncer(inject('postgresUrl'));
  await pooler.stop();
});

describe.each(layouts)('as $name', ({ mode, account }) => {
  let clone: BuiltClone;

  beforeAll(async () => {
    clone = await BuiltClone.make(mode, account);
  });

  afterAll(async () => {
    await clone.remove();
  });

  test('stop() leaves nothing', async () => {
    const child = await clone.child('stops');
    await child.line('up');
    expect(await child.exit()).toBe(0);
    expect(await child.leftovers()).toEqual([]);
  });

  test('a SIGKILL leaves nothing', async () => {
    const child = await clone.child('waits');
    const segment = segmentOf(await child.line('up'));
    await child.line('done');
    // Node, two keepers with their seconds, the postmaster, its workers, Redis.
    expect(child.look()).toBeGreaterThan(8);
    expect(segments()).toContain(segment);
    child.process.kill('SIGKILL');
    expect(await child.exit()).toBe('SIGKILL');
    await expectNothingLeft(child);
    expect(segments()).not.toContain(segment);
  });

  test('a SIGKILL leaves nothing of a pooler', async () => {
    const child = await clone.child('waits with a pooler');
    await child.line('done');
    // As above, and the pooler with its keeper and that one's second.
    expect(child.look()).toBeGreaterThan(11);
    child.process.kill('SIGKILL');
    expect(await child.exit()).toBe('SIGKILL');
    await expectNothingLeft(child);
  });
});

describe('nothing is left when the process', () => {
  let clone: BuiltClone;

  beforeAll(async () => {
    clone = await BuiltClone.make(0o755, {});
  });

  afterAll(async () => {
    await clone.remove();
  });

  test.each([
    ['forgets to stop', 0],
    ['calls process.exit()', 0],
    ['throws', 1],
    ['rejects', 1],
    ['has killed them and forgets to stop', 0],
  ])('%s', async (act, code) => {
    const child = await clone.child(act);
    const folder = await child.line('up');
    child.look();
    expect(await child.exit()).toBe(code);
    await expectNothingLeft(child);
    expect(existsSync(folder)).toBe(false);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('gets a %s', async (name) => {
    const child = await clone.child('waits');
    await child.line('done');
    child.look();
    child.process.kill(name);
    expect(await child.exit()).toBe(name);
    await expectNothingLeft(child);
  });

  test('gets a Ctrl-C with its whole process group', async () => {
    const child = await clone.child('waits');
    await child.line('done');
    child.look();
    process.kill(-(child.process.pid ?? Number.NaN), 'SIGINT');
    expect(await child.exit()).toBe('SIGINT');
    await expectNothingLeft(child);
  });

  test.each([
    'has killed them',
    'has killed and restarted them',
    'has frozen them',
    'restarts them',
  ])('gets a SIGKILL when it %s', async (act) => {
    const child = await clone.child(act);
    const segment = segmentOf(await child.line('up'));
    child.look();
    await child.line('done');
    child.look();
    child.process.kill('SIGKILL');
    await child.exit();
    await expectNothingLeft(child);
    expect(segments()).not.toContain(segment);
  });

  test('dies at the moment when its frozen PostgreSQL is killed', async () => {
    const child = await clone.child('dies at the moment when its frozen PostgreSQL is killed');
    const segment = segmentOf(await child.line('up'));
    await child.line('frozen');
    child.look();
    child.process.stdin?.write('now');
    expect(await child.exit()).toBe('SIGKILL');
    await expectNothingLeft(child);
    expect(segments()).not.toContain(segment);
  });

  test.each([0, 4, 8, 12, 16, 20, 25, 30, 40, 60, 100, 200, 350, 600])(
    'gets a SIGKILL %s ms after it began to start them',
    async (ms) => {
      const child = await clone.child('waits');
      await child.line('starting');
      await new Promise((resolve) => setTimeout(resolve, ms));
      child.look();
      child.process.kill('SIGKILL');
      await child.exit();
      await expectNothingLeft(child);
    },
  );

  test('lives, and its keepers are killed; it gets a SIGKILL later', async () => {
    const child = await clone.child('waits');
    await child.line('done');
    child.look();
    const keepers = child.started.filter(({ parent }) => parent === child.process.pid);
    expect(keepers.length).toBe(2);
    signal(keepers, 'SIGKILL');
    child.process.kill('SIGKILL');
    await child.exit();
    await expectNothingLeft(child);
  });
});

test('FYNLO_SERVICES_CACHE keeps the tree of binaries that root needs, for the next start', async () => {
  const clone = await BuiltClone.make(0o700, {});
  const cache = await mkdtemp(join(tmpdir(), 'kept-'));
  try {
    await chmod(cache, 0o755);
    await cp(await cacheFolder(), cache, { recursive: true, verbatimSymlinks: true });
    const made: number[] = [];
    for (let start = 0; start < 2; start++) {
      const child = await clone.child('stops', { FYNLO_SERVICES_CACHE: cache });
      await child.line('up');
      expect(await child.exit()).toBe(0);
      const trees = (await readdir(cache)).filter((name) => name.startsWith('postgres-'));
      // An ordinary user's server runs from where the package manager has put it.
      expect(trees.length).toBe(isRoot ? 1 : 0);
      for (const tree of trees) made.push((await stat(join(cache, tree))).ino);
    }
    expect(new Set(made).size).toBe(isRoot ? 1 : 0);
  } finally {
    await clone.remove();
    await rm(cache, { recursive: true, force: true });
  }
});
