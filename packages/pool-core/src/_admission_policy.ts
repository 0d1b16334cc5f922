/**
 * What becomes of an acquire. Pure.
 *
 * @module
 */

/** How a pool stands when it is asked for a connection. */
export interface Admission {
  /** Idle connections that nobody waits for. */
  readonly idle: number;
  readonly waiting: number;
  readonly connecting: number;
  /** Connects that may still be started, by size. */
  readonly room: number;
  readonly maxWaiting: number;
}

/**
 * `reuse` an idle connection; `create`: wait for a connection of one's own, as there is room; `wait` for one to come back;
 * `reject`: as many wait already as may. Those a new connection can be opened for do not count as waiting, so that
 * `maxWaiting: 0` means "never queue for a full pool", not "never open a connection".
 */
export function admit(pool: Admission): 'reuse' | 'create' | 'wait' | 'reject' {
  if (pool.idle > 0 && pool.waiting === 0) return 'reuse';
  const openable = pool.connecting + pool.room;
  if (pool.waiting < openable) return 'create';
  return pool.waiting - openable < pool.maxWaiting ? 'wait' : 'reject';
}
