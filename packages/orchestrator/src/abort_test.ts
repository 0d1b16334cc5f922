import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { AdvancedConnectionPoolOptimizer } from './advanced_connection_pool_optimizer.ts';
import type { ScenarioName } from './scenario.ts';

function optimizerFor(scenarios: readonly ScenarioName[], signal?: AbortSignal) {
  return new AdvancedConnectionPoolOptimizer({
    databaseUrl: inject('postgresUrl'),
    redisUrl: inject('redisUrl'),
    profile: 'quick',
    scenarios,
    ...(signal === undefined ? {} : { signal }),
  });
}

async function connectionsNamed(name: string): Promise<number> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  try {
    const { rows } = await client.query(
      'select count(*)::int as n from pg_stat_activity where application_name like $1',
      [name],
    );
    return rows[0].n;
  } finally {
    await client.end();
  }
}

describe('aborting', () => {
  it.each<[ScenarioName, number]>([
    ['scaling', 2_000],
    ['resources', 2_000],
    ['cache', 1_500],
    ['memory', 1_000],
  ])(
    'ends %s at once, closes its connections, and keeps what was measured as partial',
    async (scenario, afterMs) => {
      const controller = new AbortController();
      const dir = await mkdtemp(join(tmpdir(), 'fynlo-abort-'));
      await using optimizer = optimizerFor([scenario, 'recovery'], controller.signal);
      await optimizer.initializeOptimizationFramework();
      const running = optimizer.runComprehensiveOptimizationTest();
      await sleep(afterMs);
      const abortedAt = performance.now();
      controller.abort(new Error('SIGINT'));
      const run = await running;
      // Generous: connections are closed gracefully, and the machine may be busy.
      expect(performance.now() - abortedAt).toBeLessThan(6_000);
      expect(run).toMatchObject({ partial: true, partialReason: 'SIGINT' });
      expect(run.scenarios[scenario]?.partial).toBe(true);
      expect(run.scenarios.recovery).toBeNull();
      expect(run.criteria.filter((c) => c.scenario === scenario)).toEqual([]);
      await optimizer.saveOptimizationResults(dir);
      const results = JSON.parse(
        await readFile(join(dir, 'connection_pool_optimization_results.json'), 'utf8'),
      );
      expect(results).toMatchObject({ partial: true, partial_reason: 'SIGINT' });
      expect(await readFile(join(dir, 'report.html'), 'utf8')).toContain('cut short (SIGINT)');
      await rm(dir, { recursive: true });
    },
    60_000,
  );

  it('is not needed: close() ends a run as well', async () => {
    const optimizer = optimizerFor(['scaling']);
    const environment = await optimizer.initializeOptimizationFramework();
    const running = optimizer.runComprehensiveOptimizationTest();
    await sleep(1_000);
    await optimizer.close();
    expect((await running).partial).toBe(true);
    expect(environment.postgres.version).not.toBe('');
    expect(await connectionsNamed('fynlo-scaling%')).toBe(0);
  }, 60_000);
});

describe('the order of calls', () => {
  it('is said when it is wrong', async () => {
    const optimizer = optimizerFor(['cache']);
    expect(() => optimizer.generateOptimizationReport()).toThrow(
      /initializeOptimizationFramework\(\) comes first/,
    );
    await expect(optimizer.saveOptimizationResults('/tmp')).rejects.toMatchObject({
      code: 'ERR_ORCHESTRATOR_ORDER',
    });
    await optimizer.close();
    await optimizer.close();
    await expect(optimizer.initializeOptimizationFramework()).rejects.toMatchObject({
      code: 'ERR_ORCHESTRATOR_ORDER',
    });
  });

  it('does not let two scenarios measure each other', async () => {
    await using optimizer = optimizerFor(['cache']);
    await optimizer.initializeOptimizationFramework();
    const first = optimizer.testResourceOptimization();
    await expect(optimizer.testCacheOptimization()).rejects.toThrow(/another scenario is running/);
    await optimizer.close();
    expect((await first).partial).toBe(true);
  }, 60_000);
});
