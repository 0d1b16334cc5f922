import type { Pool, PoolConfig } from 'pg';

/** A checkout open for longer is looked into. The product's default is 30 s; a round has not the time for it. */
export const THRESHOLD_MS = 500;

/** A pool of which somebody watches the checkouts. */
export interface WatchedPool {
  readonly pool: Pool;
  /** Checkouts that were called leaked. */
  leaksTold(): number;
  /** Has it look now, where that can be asked for. */
  look(): Promise<void>;
  /** Ends the watching and lets go of the pool; leaked connections go with the process. */
  close(): Promise<void>;
}

/** A way to find leaked checkouts. */
export interface LeaseWatcher {
  readonly name: string;
  readonly settings: string;
  /** How long a leaked connection is waited for, ms: as long as it takes, or long enough to see that it never comes. */
  readonly patienceMs: number;
  open(options: PoolConfig): Promise<WatchedPool>;
}

const SETTINGS = `threshold ${THRESHOLD_MS} ms, else defaults`;
/** A cursor that its holder left never ends; the default waits 10 s for it. */
const BUSY_GRACE_MS = 1000;
const PATIENCE_MS = 15_000;

export const fynloGuardOnPg: LeaseWatcher = {
  name: 'guarded pg.Pool',
  settings: `MemoryLeakPrevention on pg.Pool, ${SETTINGS}`,
  patienceMs: PATIENCE_MS,
  async open(options) {
    const { default: pg } = await import('pg');
    const { guardPgPool } = await import('@fynlo/leak-guard');
    const pool = new pg.Pool(options);
    return guarded(pool, guardPgPool(pool, { busyGraceMs: BUSY_GRACE_MS }));
  },
};

export const fynloGuardOnFynlo: LeaseWatcher = {
  name: 'guarded fynlo',
  settings: `MemoryLeakPrevention on @fynlo/pool-core Pool with leases, ${SETTINGS}`,
  patienceMs: PATIENCE_MS,
  async open(options) {
    const { Pool } = await import('@fynlo/pool-core');
    const pool = new Pool({ ...options, leases: true });
    return guarded(pool, pool);
  },
};

/** `leakDetectionThreshold`: a timer for each checkout, and a report when it fires; nothing is taken back. */
export const hikariRule: LeaseWatcher = {
  name: 'HikariCP rule',
  settings: `pg.Pool with HikariCP's leakDetectionThreshold of ${THRESHOLD_MS} ms`,
  patienceMs: 2000,
  async open(options) {
    const { default: pg } = await import('pg');
    const pool = new pg.Pool(options);
    pool.on('error', () => {});
    const timers = new Map<object, NodeJS.Timeout>();
    let told = 0;
    pool.on('acquire', (client) => {
      timers.set(
        client,
        setTimeout(() => told++, THRESHOLD_MS),
      );
    });
    pool.on('release', (_, client) => clearTimeout(timers.get(client)));
    return {
      pool,
      leaksTold: () => told,
      look: () => Promise.resolve(),
      close: async () => {
        for (const timer of timers.values()) clearTimeout(timer);
      },
    };
  },
};

type Guard = import('@fynlo/leak-guard').MemoryLeakPrevention;

async function guarded(pool: Pool, observed: Parameters<Guard['attach']>[0]): Promise<WatchedPool> {
  const { MemoryLeakPrevention } = await import('@fynlo/leak-guard');
  const guard = new MemoryLeakPrevention({ leakDetectionThresholdMs: THRESHOLD_MS });
  pool.on('error', () => {});
  let told = 0;
  guard.on('leak', () => told++);
  guard.attach(observed, 'watched');
  guard.startMonitoring();
  return {
    pool,
    leaksTold: () => told,
    look: async () => {
      await guard.checkForLeaks();
    },
    close: () => guard.stop(),
  };
}
