/**
 * What the watch over silent connections sees of a pool.
 */
import type pg from 'pg';
import { recordOf } from './_pg_client_record.ts';
import type { SilenceWatchParts } from './_pg_silence_watch.ts';
import { keyOf } from './_server_book.ts';
import type { ResourcePool } from './resource_pool.ts';

export function clientsToWatch(
  resources: ResourcePool<pg.Client>,
): Pick<SilenceWatchParts, 'clock' | 'waits' | 'lent' | 'connected' | 'serverOf'> {
  return {
    clock: resources.clock,
    waits: () => resources.leased > 0 || resources.probing > 0,
    *lent() {
      for (const { state, connection } of resources.entries()) {
        // A health check waits for an answer as well.
        if ((state === 'leased' || state === 'probing') && connection !== undefined) {
          yield connection;
        }
      }
    },
    *connected() {
      for (const { connection } of resources.entries()) {
        if (connection !== undefined) yield connection;
      }
    },
    serverOf(client) {
      const server = recordOf(client)?.server;
      return server === undefined ? undefined : keyOf(server);
    },
  };
}
