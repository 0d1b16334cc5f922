import type { PoolStats } from '@fynlo/pool-core/contract';
import type { FaultSubject } from '../fault_subject.ts';
import { clientOptions, poolOf } from './pg_clients.ts';

export const fynloPool: FaultSubject = {
  name: 'fynlo',
  settings:
    '@fynlo/pool-core Pool; max, connectionTimeoutMillis and connectTimeoutMs as the case says; cases of misuse with its development checks (leases, detectNestedAcquire), F75 with pipelining',
  keepsDeadlines: true,
  async open(options) {
    const { Pool } = await import('@fynlo/pool-core');
    const { onConnect, development = false } = options;
    const pool = new Pool({
      ...clientOptions(options),
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
      violations: () => violationsOf(pool.stats(), pool.totalCount),
      endWithin: (graceMs) => pool.end({ graceMs }),
    };
  },
};

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
