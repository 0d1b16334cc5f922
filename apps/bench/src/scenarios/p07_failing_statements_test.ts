import { createDatabase } from '@fynlo/services/database';
import { expect, inject, test } from 'vitest';
import { makeItems } from './items.ts';
import { failingStatements } from './p07_failing_statements.ts';

const context = (databaseUrl: string) => ({
  databaseUrl,
  redisUrl: '',
  params: { callers: 4, connections: 2, warmupMs: 0, durationMs: 300 },
  seed: 1,
  signal: new AbortController().signal,
});
const subjects = failingStatements.subjects.map((subject) => [subject.name, subject] as const);

test.each(subjects)('P7 counts the violations it makes as no errors of %s', async (_, subject) => {
  await using database = await createDatabase(inject('postgresUrl'));
  await makeItems({ databaseUrl: database.url });
  const { metrics } = await subject.round(context(database.url));
  expect(metrics.errors).toBe(0);
  expect(metrics.opsPerSecond).toBeGreaterThan(0);
});

test.each(subjects)('P7 fails the round of %s on any other error', async (_, subject) => {
  await using database = await createDatabase(inject('postgresUrl'));
  await expect(subject.round(context(database.url))).rejects.toThrow(
    /operations failed, the first: .*"bench_item" does not exist/,
  );
});
