import type { FaultSubject } from '../fault_subject.ts';
import { clientOptions, poolOf, refuseWhatClientsLack } from './pg_clients.ts';

/** Its default. */
const IDLE_TIMEOUT_MS = 10_000;

export const pgPool: FaultSubject = {
  name: 'pg.Pool',
  settings:
    'max and connectionTimeoutMillis as the case says, an error listener on the pool, broken clients released with their error',
  keepsDeadlines: true,
  async open(options) {
    refuseWhatClientsLack(options);
    const { default: pg } = await import('pg');
    const { onConnect, maxLifetimeMs = 0, idleTimesBy = 1 } = options;
    const pool = new pg.Pool({
      ...clientOptions(options),
      max: options.max,
      connectionTimeoutMillis: options.acquireTimeoutMs,
      maxLifetimeSeconds: maxLifetimeMs / 1_000,
      idleTimeoutMillis: IDLE_TIMEOUT_MS * idleTimesBy,
      ...(onConnect === undefined
        ? {}
        : { onConnect: (client) => onConnect(async (text) => (await client.query(text)).rows) }),
    });
    return poolOf(pool, options);
  },
};
