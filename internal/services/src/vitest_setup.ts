/** vitest's globalSetup: one PostgreSQL and one Redis for a whole run, however many files and workers use them. */
import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const note = (line: string): void => console.log(line);
  const starting = [
    startPostgres({
      note,
      maxConnections: 600,
      auth: 'trust',
      // Replication slots, for those who read the database's changes.
      settings: { wal_level: 'logical' },
    }),
    startRedis({ note }),
  ] as const;
  const started = await Promise.allSettled(starting);
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((s) => (s.status === 'fulfilled' ? s.value.stop() : undefined)));
  };
  try {
    const [postgres, redis] = await Promise.all(starting);
    project.provide('postgresUrl', postgres.url);
    project.provide('redisUrl', redis.url);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
