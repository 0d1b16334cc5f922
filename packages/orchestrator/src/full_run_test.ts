import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FaultProxy, startFaultProxy } from '@fynlo/services/fault-proxy';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { AdvancedConnectionPoolOptimizer } from './advanced_connection_pool_optimizer.ts';
import type { OptimizationRun } from './optimization_run.ts';
import type { ProgressEvent } from './progress.ts';

const SEED = 20_261_123;
/** A quick run takes half a minute on a quiet machine; this one may be anything but. */
const PATIENCE_MS = 300_000;

let server: RunningPostgres;
let proxy: FaultProxy;
let outDir: string;
let optimizer: AdvancedConnectionPoolOptimizer;
let run: OptimizationRun;
let files: string[];
const progress: ProgressEvent[] = [];

beforeAll(async () => {
  server = await startPostgres({ external: false, maxConnections: 100 });
  proxy = await startFaultProxy({ host: server.host, port: server.port });
  outDir = await mkdtemp(join(tmpdir(), 'fynlo-run-'));
  optimizer = new AdvancedConnectionPoolOptimizer({
    databaseUrl: server.url,
    redisUrl: inject('redisUrl'),
    profile: 'quick',
    seed: SEED,
    outDir,
    onProgress: (event) => progress.push(event),
    serverControl: { kill: () => server.kill(), restart: () => server.restart() },
    proxyControl: {
      databaseUrl: proxy.url(server.url),
      cut: () => proxy.set('blackhole', { existing: true, fresh: false }),
      heal: () => proxy.set('pass'),
    },
    serverFacts: { auth: 'trust', durable: false },
  });
  await optimizer.initializeOptimizationFramework();
  run = await optimizer.runComprehensiveOptimizationTest();
  files = await optimizer.saveOptimizationResults();
}, PATIENCE_MS);

afterAll(async () => {
  await optimizer.close();
  await proxy.close();
  await server.stop();
  await rm(outDir, { recursive: true, force: true });
}, PATIENCE_MS);

async function json(name: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(outDir, name), 'utf8'));
}

function verdictOf(id: string): string {
  const criterion = run.criteria.find((c) => c.id === id);
  return `${criterion?.verdict}: ${criterion?.reason}`;
}

describe('a whole run', () => {
  it('runs all scenarios to their end', () => {
    expect(run.partial).toBe(false);
    for (const [name, result] of Object.entries(run.scenarios)) {
      expect(result, name).toMatchObject({ name, partial: false });
    }
    expect(new Set(run.criteria.map((c) => c.id)).size).toBe(run.criteria.length);
  });

  it('holds real connections: the server sees the transactions that the pool has leased', () => {
    const levels = run.scenarios.scaling?.levels ?? [];
    expect(levels.map(({ level }) => level.name)).toEqual(['low', 'medium']);
    for (const { serverConnections, serverInTransaction, size, response } of levels) {
      expect(response.count).toBeGreaterThan(10);
      expect(serverConnections?.max).toBeGreaterThan(0);
      expect(serverInTransaction?.max).toBeGreaterThan(0);
      // Two looks at a moving thing, a sample apart.
      expect(Math.abs((serverConnections?.max ?? 0) - (size?.max ?? 0))).toBeLessThan(10);
    }
    const { quality } = run.scenarios.scaling ?? {};
    expect(quality?.peakSize).toBeGreaterThan(quality?.startSize ?? Number.POSITIVE_INFINITY);
  });

  it('records every change of size with its reason', () => {
    const events = run.scenarios.scaling?.scalingEvents ?? [];
    expect(events.length).toBeGreaterThan(0);
    for (const event of events) {
      expect(event.reason).not.toBe('');
      expect(event.at).toBeGreaterThan(run.startedAt - 1000);
    }
  });

  it('measures the same load without and with the optimizer, in this order', () => {
    const phases = run.scenarios.resources?.phases ?? [];
    expect(phases.map((phase) => phase.optimizer)).toEqual(['without', 'with']);
    expect(phases[0]?.load.offered).toBe(phases[1]?.load.offered);
    expect(phases[0]?.reports).toEqual([]);
    expect(phases[1]?.reports.map((report) => report.target)).toEqual(
      expect.arrayContaining(['memory', 'cpu', 'network', 'gc']),
    );
  });

  it('puts the hit ratio beside what was possible', () => {
    const workload = run.scenarios.cache?.workload;
    expect(workload?.hitRatio).toBeGreaterThan(0.5);
    expect(workload?.hitRatio).toBeLessThanOrEqual((workload?.achievableHitRatio ?? 0) + 1e-9);
    expect(workload?.wrongValues).toBe(0);
    expect(run.scenarios.cache?.invalidation?.staleHere).toBe(0);
  });

  it('finds, names and stops the injected leaks, and takes no lease that is held', () => {
    expect(verdictOf('memory-leaks-found')).toMatch(/^pass/);
    expect(verdictOf('memory-leaks-named')).toMatch(/^pass/);
    expect(verdictOf('memory-leaks-stopped')).toMatch(/^pass/);
    expect(verdictOf('memory-held-taken')).toMatch(/^pass/);
    expect(verdictOf('memory-objects-found')).toMatch(/^pass/);
  });

  it('comes back after the server was killed, and after its connections fell silent', () => {
    expect(run.scenarios.recovery?.restart?.firstSuccessMs).not.toBeNull();
    expect(run.scenarios.recovery?.cut?.firstSuccessMs).not.toBeNull();
  });

  it('never passes at a tenth of the load what the full load has to show', () => {
    for (const id of [
      'pool-scaling-peak',
      'pool-scaling-return',
      'response-time-low',
      'cpu-utilization',
      'cache-hit-ratio',
    ]) {
      expect(verdictOf(id)).toMatch(/^skipped: the quick profile/);
    }
  });

  it('tells its progress, never backwards', () => {
    const percents = progress.map(({ percent }) => percent);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(percents.at(-1)).toBe(100);
    expect(progress.some(({ pool }) => pool !== null && pool.size > 0)).toBe(true);
    expect(progress.every(({ message }) => message !== '')).toBe(true);
  });

  it(
    'measures: the same scenario with the same seed gives other numbers',
    async () => {
      const first = run.scenarios.resources;
      const second = await optimizer.testResourceOptimization();
      expect(second.phases.map((phase) => phase.load.offered)).toEqual(
        first?.phases.map((phase) => phase.load.offered),
      );
      for (const [index, phase] of second.phases.entries()) {
        expect(phase.response.mean).not.toBe(first?.phases[index]?.response.mean);
        expect(phase.usage.cpuPercentOfOneCore).not.toBe(
          first?.phases[index]?.usage.cpuPercentOfOneCore,
        );
      }
    },
    PATIENCE_MS,
  );
});

describe('the files', () => {
  it('are the three, their schemas and the page, and nothing half-written', async () => {
    const names = (await readdir(outDir, { recursive: true })).sort();
    expect(names).toEqual(
      [
        'connection_pool_metrics_history.json',
        'connection_pool_optimization_report.json',
        'connection_pool_optimization_results.json',
        'report.html',
        'schemas',
        'schemas/connection_pool_metrics_history.schema.json',
        'schemas/connection_pool_optimization_report.schema.json',
        'schemas/connection_pool_optimization_results.schema.json',
      ].sort(),
    );
    expect(files).toHaveLength(7);
  });

  it.each([
    'connection_pool_optimization_results',
    'connection_pool_optimization_report',
    'connection_pool_metrics_history',
  ])('%s.json keeps the schema it names', async (name) => {
    const data = await json(`${name}.json`);
    expect(data['$schema']).toBe(`./schemas/${name}.schema.json`);
    expect(data['schema_version']).toBe(1);
    const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false });
    const validate = ajv.compile(await json(String(data['$schema'])));
    validate(data);
    expect(validate.errors ?? []).toEqual([]);
    // A schema that accepts anything proves nothing.
    expect(validate({ ...data, schema_version: 2 })).toBe(false);
  });

  it('keep the field names of the brief', async () => {
    const history = (await json('connection_pool_metrics_history.json')) as never as {
      pool: { columns: Record<string, number[]> };
      resources: { columns: Record<string, number[]> };
    };
    expect(Object.keys(history.pool.columns)).toEqual(
      expect.arrayContaining(
        'timestamp active_connections idle_connections total_connections pool_utilization connection_wait_time memory_usage_mb cpu_usage_percent'.split(
          ' ',
        ),
      ),
    );
    expect(Object.keys(history.resources.columns)).toEqual(
      expect.arrayContaining(
        'timestamp memory_efficiency cpu_utilization network_efficiency cache_hit_ratio gc_collection_time connection_reuse_ratio'.split(
          ' ',
        ),
      ),
    );
    const lengths = new Set(Object.values(history.pool.columns).map((column) => column.length));
    expect(lengths.size).toBe(1);
    expect([...lengths][0]).toBeGreaterThan(20);
  });

  it('hold no password and no camelCase', async () => {
    for (const file of files.filter((path) => path.endsWith('s.json') || path.endsWith('t.json'))) {
      const text = await readFile(file, 'utf8');
      expect(text).not.toContain(`:${server.password}@`);
      expect(text.match(/"[a-z]+[A-Z][A-Za-z]*":/)?.[0]).toBeUndefined();
    }
  });

  it('include a page that needs nothing from anywhere', async () => {
    const html = await readFile(join(outDir, 'report.html'), 'utf8');
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(/(?:src|href)="(?!#)/);
    for (const section of [
      'Verdicts',
      'Environment',
      'Pool size and load',
      'Response time by percentile',
      'Cache hit ratio',
      'Recovery',
      'Recommendations',
    ]) {
      expect(html).toContain(section);
    }
  });
});

describe('closing', () => {
  it('leaves nothing behind on the servers', async () => {
    await optimizer.close();
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const schemas = await client.query("select 1 from pg_namespace where nspname like 'fynlo%'");
    const others = await client.query(
      "select application_name from pg_stat_activity where application_name like 'fynlo%'",
    );
    await client.end();
    expect(schemas.rows).toEqual([]);
    expect(others.rows).toEqual([]);
    const redis = new Redis(inject('redisUrl'));
    const keys = await redis.keys('*fynlo_run_*');
    redis.disconnect();
    expect(keys).toEqual([]);
  });
});
