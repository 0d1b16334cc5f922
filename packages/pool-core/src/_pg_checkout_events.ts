/**
 * pg-pool's events of a client that is lent and comes back. A listener that throws is the application's uncaught exception, and costs
 * the pool no client.
 */
import type pg from 'pg';
import { RELEASE } from './_pg_channels.ts';
import { throwLater } from './_throw_later.ts';

export function tellAcquired(pool: pg.Pool, client: pg.Client): void {
  try {
    pool.emit('acquire', client as pg.PoolClient);
  } catch (thrown) {
    throwLater(thrown);
  }
}

export function tellReleased(pool: pg.Pool, client: pg.Client, error: unknown): void {
  if (RELEASE.hasSubscribers) RELEASE.publish({ client, error });
  try {
    pool.emit('release', error as Error, client as pg.PoolClient);
  } catch (thrown) {
    throwLater(thrown);
  }
}
