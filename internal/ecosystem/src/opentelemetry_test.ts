import { createRequire } from 'node:module';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';

const spans = new InMemorySpanExporter();
const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const tracers = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
tracers.register();
const reader = new PeriodicExportingMetricReader({
  exporter: metrics,
  exportIntervalMillis: 60_000,
});
const meters = new MeterProvider({ readers: [reader] });
const instrumentation = new PgInstrumentation({ requireParentSpan: false });
registerInstrumentations({
  tracerProvider: tracers,
  meterProvider: meters,
  instrumentations: [instrumentation],
});
// The instrumentation patches what is required after it: the application's order.
createRequire(import.meta.url)('pg');
const { Pool } = await import('@fynlo/pool-core');

describe('OpenTelemetry’s own instrumentation of pg and pg-pool', () => {
  const tracer = trace.getTracer('test');
  beforeEach(() => spans.reset());
  afterAll(async () => {
    await tracers.shutdown();
    await meters.shutdown();
  });

  async function traced(name: string, work: () => Promise<unknown>): Promise<ReadableSpan[]> {
    const span = tracer.startSpan(name);
    await context.with(trace.setSpan(context.active(), span), work);
    span.end();
    return spans
      .getFinishedSpans()
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === span.spanContext().spanId);
  }
  const names = (found: ReadableSpan[]): string[] =>
    found.map(({ name }) => name.split(' ')[0] ?? '').sort();

  test.each([{}, { leases: true }])(
    'sees the pool and the query below the caller: %j',
    async (options) => {
      await using pool = new Pool({ connectionString: inject('postgresUrl'), max: 1, ...options });
      expect(names(await traced('cold', () => pool.query('select 1')))).toEqual([
        'pg-pool.connect',
        'pg.query:SELECT',
      ]);
      const warm = await traced('warm', async () => {
        const client = await pool.connect();
        await client.query('select 2');
        client.release();
      });
      expect(names(warm)).toEqual(['pg-pool.connect', 'pg.query:SELECT']);
      const connect = warm.find(({ name }) => name === 'pg-pool.connect');
      expect(connect?.attributes['server.address']).toBe(new URL(inject('postgresUrl')).hostname);
    },
  );

  test('a query that waited has its span below its own caller, not the one that gave the client back', async () => {
    await using pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    const client = await pool.connect();
    const waiting = traced('waiter', () => pool.query('select 3'));
    await traced('releaser', async () => client.release());
    expect(names(await waiting)).toEqual(['pg-pool.connect', 'pg.query:SELECT']);
  });

  test('it may be switched off and on while a pool runs, in any form of the call', async () => {
    await using pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    const everyForm = async (): Promise<void> => {
      (await pool.connect()).release();
      await pool.query('select 1');
      await new Promise<void>((resolve) => {
        pool.connect((_error, _client, done) => {
          done();
          resolve();
        });
      });
    };
    const spansOf = async (): Promise<number> => {
      const found = await traced('form', everyForm);
      return found.filter(({ name }) => name === 'pg-pool.connect').length;
    };
    expect(await spansOf()).toBe(3);
    instrumentation.disable();
    expect(await spansOf()).toBe(0);
    instrumentation.enable();
    expect(await spansOf()).toBe(3);
  });

  test('a failed connect is a failed span', async () => {
    await using pool = new Pool({ connectionString: 'postgres://u@127.0.0.1:1/x' });
    const [span] = await traced('dead', () => pool.connect().catch(() => undefined));
    expect(span?.name).toBe('pg-pool.connect');
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
  });

  test('its pool metrics are filled, and name the database', async () => {
    await using pool = new Pool({ connectionString: inject('postgresUrl'), max: 3 });
    const held = [await pool.connect(), await pool.connect()];
    held[0]?.release();
    await reader.forceFlush();
    const all =
      metrics
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    const count = all.find(({ descriptor }) => descriptor.name.startsWith('db.client.connection'));
    expect(count).toBeDefined();
    const pools = count?.dataPoints.map(({ attributes }) =>
      String(attributes['db.client.connection.pool.name']),
    );
    const { hostname, port, pathname } = new URL(inject('postgresUrl'));
    expect(pools?.some((name) => name.includes(`${hostname}:${port}${pathname}`))).toBe(true);
    held[1]?.release();
  });
});
