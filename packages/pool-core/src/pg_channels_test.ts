import diagnostics from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import type { PoolConnectContext } from './_pg_channels.ts';
import { caught } from './_pg_conformance.ts';
import { Pool } from './pool.ts';

describe('the channels pg:pool:*', () => {
  let pool: Pool;
  const told: string[] = [];
  const contexts: PoolConnectContext[] = [];
  const connect = diagnostics.tracingChannel<string, PoolConnectContext>('pg:pool:connect');
  const stages = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
  const tracer = Object.fromEntries(
    stages.map((stage) => [
      stage,
      (context: PoolConnectContext) => {
        told.push(stage);
        if (stage === 'asyncStart')
          contexts.push(
            structuredClone({
              pool: context.pool,
              ...(context.client && { client: context.client }),
            }),
          );
      },
    ]),
  ) as unknown as diagnostics.TracingChannelSubscribers<PoolConnectContext>;
  const released = (message: unknown): void =>
    void told.push(`release ${Object.keys(message as object)}`);
  const removed = (message: unknown): void =>
    void told.push(`remove ${Object.keys(message as object)}`);

  beforeEach(() => {
    pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    connect.subscribe(tracer);
    diagnostics.subscribe('pg:pool:release', released);
    diagnostics.subscribe('pg:pool:remove', removed);
  });
  afterEach(async () => {
    connect.unsubscribe(tracer);
    diagnostics.unsubscribe('pg:pool:release', released);
    diagnostics.unsubscribe('pg:pool:remove', removed);
    told.length = 0;
    contexts.length = 0;
    await pool[Symbol.asyncDispose]();
  });

  test('tell a connect with its counts and its client, a release and a removal', async () => {
    const first = await pool.connect();
    const { processID } = first as unknown as { processID: number };
    first.release();
    const second = await pool.connect();
    second.release(true);
    await pool.end();
    expect(told).toEqual([
      ...['start', 'end', 'asyncStart', 'asyncEnd', 'release client,error'],
      ...['start', 'end', 'asyncStart', 'asyncEnd', 'release client,error'],
      'remove client',
    ]);
    const counts = { totalCount: 0, idleCount: 0, waitingCount: 0, maxSize: 1 };
    expect(contexts).toEqual([
      { pool: counts, client: { processID, reused: false } },
      { pool: { ...counts, totalCount: 1, idleCount: 1 }, client: { processID, reused: true } },
    ]);
  });

  test('tell the callback form and pool.query, which goes through it', async () => {
    await pool.query('select 1');
    expect(told).toEqual(['start', 'end', 'asyncStart', 'asyncEnd', 'release client,error']);
    expect(contexts[0]?.client?.reused).toBe(false);
  });

  test('tell a connect that failed', async () => {
    const dead = new Pool({ connectionString: 'postgres://u@127.0.0.1:1/x' });
    await caught(dead.connect());
    expect(told).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    await dead.end();
  });
});
