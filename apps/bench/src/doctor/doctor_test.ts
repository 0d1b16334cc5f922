import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { examineNode } from './examine_node.ts';
import { examinePackages } from './examine_packages.ts';
import { examinePostgres, limits } from './examine_postgres.ts';
import { examineRedis, memory } from './examine_redis.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-'));
  for (const [path, version] of [
    ['node_modules/pg', '8.23.1'],
    ['node_modules/other/node_modules/pg', '8.11.0'],
    ['node_modules/ioredis', '6.0.0'],
  ] as const) {
    await mkdir(join(folder, path), { recursive: true });
    await writeFile(join(folder, path, 'package.json'), JSON.stringify({ version }));
  }
});
afterAll(() => rm(folder, { recursive: true }));

test('examinePackages() finds a second copy of pg and names both places', async () => {
  const findings = await examinePackages(folder);
  const copies = findings.find(({ what }) => what.startsWith('2 copies of pg'));
  expect(copies).toMatchObject({ level: 'problem' });
  expect(copies?.remedy).toContain(join('other', 'node_modules', 'pg'));
  expect(findings).toContainEqual({ level: 'ok', what: 'One copy of ioredis (6.0.0)' });
});

test('examinePackages() of a folder without pg says where it looked', async () => {
  const [finding] = await examinePackages(join(folder, 'nowhere'));
  expect(finding).toMatchObject({ level: 'unknown' });
});

test.each([
  ['18.0.0', '', ['problem', 'advice']],
  ['20.20.2', '', ['ok', 'advice']],
  ['20.20.2', '--max-semi-space-size=32', ['ok']],
  ['24.1.0', '', ['ok']],
  ['22.0.0', '--max-semi-space-size=128', ['ok', 'advice']],
])('examineNode(%s, %s) finds %j', (version, options, levels) => {
  expect(examineNode(version, options).map(({ level }) => level)).toEqual(levels);
});

const roomy = {
  version: '18',
  max: 100,
  reserved: 3,
  role: -1,
  database: -1,
  used: 5,
  idleInTransaction: '60s',
};

test.each([
  [roomy, 97, 'ok'],
  [roomy, 98, 'problem'],
  [{ ...roomy, role: 20 }, 21, 'problem'],
  [{ ...roomy, database: 0 }, 1, 'problem'],
])('limits(%j) for %d connections is %s', (found, wanted, level) => {
  expect(limits(found, { who: 'service', wanted })[1]?.level).toBe(level);
});

test('examinePostgres() of the real server sees no pooler', async () => {
  const findings = await examinePostgres(inject('postgresUrl'), 10);
  expect(findings.map(({ what }) => what)).toContain('No pooler in between');
});

test('examinePostgres() of a closed port is one finding without the password', async () => {
  const [finding, ...more] = await examinePostgres('postgres://u:secret@127.0.0.1:1/x', 10);
  expect(more).toEqual([]);
  expect(finding).toMatchObject({ level: 'problem' });
  expect(JSON.stringify(finding)).not.toContain('secret');
});

test.each([
  ['redis_version:7.2.0\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n', ['ok', 'advice']],
  ['redis_version:7.2.0\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n', ['ok', 'problem']],
  ['redis_version:7.2.0\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lfu\r\n', ['ok', 'ok']],
  ['redis_version:5.0.0\r\n', ['ok', 'unknown', 'problem']],
])('memory(%j) finds %j', (info, levels) => {
  expect(memory(info).map(({ level }) => level)).toEqual(levels);
});

test('examineRedis() reads the real server, and reports a closed port', async () => {
  expect((await examineRedis(inject('redisUrl')))[0]).toMatchObject({ level: 'ok' });
  expect((await examineRedis('redis://127.0.0.1:1'))[0]).toMatchObject({ level: 'problem' });
});
