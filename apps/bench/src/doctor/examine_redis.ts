import { Redis } from 'ioredis';
import { hostOf } from '../servers/bench_servers.ts';
import { advice, type Finding, ok, problem, unknown } from './finding.ts';

export async function examineRedis(url: string): Promise<Finding[]> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let lastError: Error | undefined;
  client.on('error', (error) => {
    lastError = error;
  });
  try {
    await client.connect();
    return memory(await client.info());
  } catch (error) {
    return [
      problem(
        `Cannot look at Redis at ${hostOf(url)}: ${(lastError ?? (error as Error)).message}`,
        'check REDIS_URL, and that the server runs',
      ),
    ];
  } finally {
    client.disconnect();
  }
}

/** Pure: what `INFO` says about how Redis behaves as a cache. */
export function memory(info: string): Finding[] {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const version = field('redis_version') ?? field('valkey_version');
  const policy = field('maxmemory_policy');
  const limit = field('maxmemory');
  const findings: Finding[] = [ok(`Redis ${version}`)];
  if (limit === undefined || policy === undefined) {
    findings.push(
      unknown('Redis hides its memory settings', 'ask the provider for maxmemory and its policy'),
    );
  } else if (limit === '0') {
    findings.push(
      advice(
        'maxmemory is 0: a cache grows until the machine is full',
        'set maxmemory, with allkeys-lfu or volatile-lfu',
      ),
    );
  } else if (policy === 'noeviction') {
    findings.push(
      problem(
        `maxmemory ${limit} with noeviction: writes fail once it is full`,
        'use allkeys-lfu or volatile-lfu',
      ),
    );
  } else findings.push(ok(`maxmemory ${limit}, ${policy}`));
  if (Number(version?.split('.')[0]) < 6) {
    findings.push(
      problem(
        `Redis ${version} has no client tracking`,
        'upgrade to 6 or newer: local copies cannot be kept coherent',
      ),
    );
  }
  return findings;
}
