import type pg from 'pg';
import type { PoolSettings } from './_pg_settings.ts';

/** What pg-pool's own constructor does not know, or knows under another name. */
export function completeOptions(options: pg.PoolOptions, settings: PoolSettings): void {
  options.max = settings.max;
  options.min = settings.floor;
  options.maxUses = settings.maxUses;
  const { connectionString } = options;
  if (typeof connectionString !== 'string' || !URL.canParse(connectionString)) return;
  // Tracers read these here; in a Client, the connection string wins over them anyway.
  const { hostname, port, pathname, username } = new URL(connectionString);
  if (hostname !== '') options.host = decodeURIComponent(hostname).replace(/^\[|\]$/g, '');
  if (port !== '') options.port = Number(port);
  if (pathname.length > 1) options.database = decodeURIComponent(pathname.slice(1));
  if (username !== '') options.user = decodeURIComponent(username);
}
