import { NotApplicableError } from '../fault.ts';
import type { FaultSubject } from '../fault_subject.ts';
import { clientOptions, poolOf } from './pg_clients.ts';

export const pgPool: FaultSubject = {
  name: 'pg.Pool',
  settings:
    'max and connectionTimeoutMillis as the case says, an error listener on the pool, broken clients released with their error',
  keepsDeadlines: true,
  async open(options) {
    if (options.pipelining === true) {
      throw new NotApplicableError('its statements do not share connections');
    }
    const { default: pg } = await import('pg');
    const { onConnect } = options;
    const pool = new pg.Pool({
      ...clientOptions(options),
      max: options.max,
      connectionTimeoutMillis: options.acquireTimeoutMs,
      ...(onConnect === undefined
        ? {}
        : { onConnect: (client) => onConnect(async (text) => (await client.query(text)).rows) }),
    });
    return poolOf(pool, options);
  },
};
