import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { ServiceNotOwnedError, ServiceStartError, ServiceStateError } from './errors.ts';
import { startRedis } from './redis.ts';

const ONCE = {
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
};

async function connected(at: string): Promise<Redis> {
  const client = new Redis(at, ONCE);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function ask<T>(url: string, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = await connected(url);
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

test('the server of a test run answers', async () => {
  expect(await ask(inject('redisUrl'), (client) => client.ping())).toBe('PONG');
});

test('a server listens on the loopback interface and a Unix socket, and takes settings', async () => {
  await using server = await startRedis({ external: false, settings: { maxmemory: '64mb' } });
  expect(server).toMatchObject({ host: '127.0.0.1', durable: false });
  expect(['path', 'apt']).toContain(server.source);
  expect(server.version).toMatch(/^(Redis|Valkey) \d+\./);
  expect(await ask(server.url, (client) => client.config('GET', 'bind'))).toEqual([
    'bind',
    '127.0.0.1',
  ]);
  expect(await ask(server.url, (client) => client.config('GET', 'maxmemory'))).toEqual([
    'maxmemory',
    String(64 * 1024 * 1024),
  ]);
  expect(await ask(server.socket ?? '', (client) => client.ping())).toBe('PONG');
});

test('kill() and restart() on the same port: empty by default', async () => {
  await using server = await startRedis({ external: false });
  await ask(server.url, (client) => client.set('key', 'value'));
  await server.kill();
  await expect(connected(server.url)).rejects.toThrow();
  await expect(server.kill()).rejects.toThrow(ServiceStateError);
  await server.restart();
  await expect(server.restart()).rejects.toThrow(ServiceStateError);
  expect(await ask(server.url, (client) => client.get('key'))).toBeNull();
});

test('kill() and restart() with durable: true: every acknowledged write is there', async () => {
  await using server = await startRedis({ external: false, durable: true });
  await ask(server.url, async (client) => {
    for (let n = 0; n < 100; n++) await client.set(`key:${n}`, n);
  });
  await server.kill();
  await server.restart();
  expect(await ask(server.url, (client) => client.dbsize())).toBe(100);
});

test('shutdown() ends it in its own way, and restart() brings it back', async () => {
  await using server = await startRedis({ external: false });
  await server.shutdown();
  await server.restart();
  expect(await ask(server.url, (client) => client.ping())).toBe('PONG');
});

test('freeze() leaves the sockets open and nobody answering, until thaw()', async () => {
  await using server = await startRedis({ external: false });
  const client = await connected(server.url);
  server.freeze();
  let answered = false;
  const answer = client.ping().then(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(answered).toBe(false);
  server.thaw();
  await answer;
  client.disconnect();
});

test('stop() removes the folder, also of a frozen server, and is harmless the second time', async () => {
  const server = await startRedis({ external: false });
  const folder = dirname(server.socket ?? '');
  expect(existsSync(folder)).toBe(true);
  server.freeze();
  await Promise.all([server.stop(), server.stop()]);
  expect(existsSync(folder)).toBe(false);
});

test('a setting that the server refuses is in the error, with what to do', async () => {
  const failure = await startRedis({ external: false, settings: { bogus: 1 } }).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(ServiceStartError);
  expect(failure).toMatchObject({ code: 'ERR_SERVICE_START', service: 'Redis' });
  expect(String(failure)).toContain('Bad directive');
});

describe('the environment', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('without any Redis and any package manager: the error says what was tried and what to install', async () => {
    vi.stubEnv('PATH', '');
    const failure = String(await startRedis({ external: false }).catch((error: unknown) => error));
    expect(failure).toContain('no redis-server or valkey-server on PATH');
    expect(failure).toContain('this is not Debian or Ubuntu');
    expect(failure).toContain('set REDIS_URL');
    expect(failure).toContain('apt-get install redis-server');
  });

  test('REDIS_URL wins over starting a server, and is left alone', async () => {
    vi.stubEnv('REDIS_URL', 'redis://cache.example:7000/2');
    const server = await startRedis();
    expect(server).toMatchObject({ source: 'REDIS_URL', host: 'cache.example', port: 7000 });
    await expect(server.kill()).rejects.toThrow(ServiceNotOwnedError);
    expect(() => server.thaw()).toThrow('this one is given by REDIS_URL');
    await server.stop();
  });
});
