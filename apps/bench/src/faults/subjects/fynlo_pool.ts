import type { PoolOptions } from '@fynlo/pool-core';
import type { PoolStats } from '@fynlo/pool-core/contract';
import type { FaultPoolOptions, FaultServers, FaultSubject } from '../fault_subject.ts';
import { clientOptions, placeOf, poolOf } from './pg_clients.ts';

export const fynloPool: FaultSubject = {
  name: 'fynlo',
  settings:
    '@fynlo/pool-core Pool; max, connectionTimeoutMillis and connectTimeoutMs as the case says; cases of misuse with its development checks (leases, detectNestedAcquire), F75 with pipelining; F20 and F81 with minConnections; F46 as a pool that sizes itself, with its manager’s default of 300 s for what is idle',
  keepsDeadlines: true,
  flagsExecuted: true,
  async open(options) {
    const { Pool } = await import('@fynlo/pool-core');
    const {
      onConnect,
      development = false,
      servers,
      maxLifetimeMs,
      warm,
      sizesItself,
      idleTimesBy = 1,
    } = options;
    const pool = new Pool({
      ...clientOptions(options),
      ...(servers === undefined ? {} : listOf(options, servers)),
      ...(maxLifetimeMs === undefined ? {} : { connectionLifetimeMs: maxLifetimeMs }),
      ...(warm === true ? { min: options.max, minConnections: options.max } : {}),
      ...(sizesItself === true ? sizing(idleTimesBy) : {}),
      healthCheckIntervalMs: CHECK_MS * idleTimesBy,
      serverCheckIntervalMs: LOOK_MS * idleTimesBy,
      max: options.max,
      connectionTimeoutMillis: options.acquireTimeoutMs,
      ...(options.connectTimeoutMs === undefined
        ? {}
        : { connectTimeoutMs: options.connectTimeoutMs }),
      ...(options.pipelining === true ? { pipelining: true } : {}),
      ...(development ? { leases: true, detectNestedAcquire: true } : {}),
      ...(onConnect === undefined
        ? {}
        : { onConnect: (client) => onConnect(async (text) => (await client.query(text)).rows) }),
    });
    return {
      ...poolOf(pool, options),
      stoppedAfter: async (text, ms) =>
        (await pool.query({ text, signal: AbortSignal.timeout(ms) })).rows,
      transaction: (work) =>
        pool.transaction((client) =>
          work(async (text, values) => (await client.query(text, values as unknown[])).rows),
        ),
      violations: () => violationsOf(pool.stats(), pool.totalCount),
      endWithin: (graceMs) => pool.end({ graceMs }),
    };
  },
};

function listOf({ databaseUrl }: FaultPoolOptions, servers: FaultServers): PoolOptions {
  const { user, database } = placeOf(databaseUrl);
  const { hosts, role, maxReplicaLagMs } = servers;
  return {
    connectionString: undefined,
    user,
    password: new URL(databaseUrl).password,
    database,
    hosts,
    targetSessionAttrs: role,
    ...(maxReplicaLagMs === undefined ? {} : { maxReplicaLagMs }),
  };
}

/** The defaults of a pool that sizes itself. */
function sizing(timesBy: number): PoolOptions {
  return {
    minConnections: 1,
    idleTimeoutMs: 300_000 * timesBy,
    tuning: { tickMs: 1_000 * timesBy, shrinkAfterGrowthMs: 60_000 * timesBy },
  };
}

/** Its defaults, at which idle connections are checked, and names looked at. */
const CHECK_MS = 30_000;
const LOOK_MS = 5_000;

function violationsOf(stats: PoolStats, clients: number): string[] {
  const { size, connecting, idle, leased, resetting, probing, closing, waiting, max } = stats;
  const found: string[] = [];
  const sum = connecting + idle + leased + resetting + probing + closing;
  if (sum !== size) found.push(`the states sum to ${sum}, the size is ${size}`);
  if (size > max) found.push(`the size is ${size}, the maximum ${max}`);
  if (leased > 0) found.push(`${leased} leased with nobody holding one`);
  if (waiting > 0) found.push(`${waiting} waiting with nobody asking`);
  if (clients + closing < size) found.push(`${clients} clients for a size of ${size}`);
  return found;
}
