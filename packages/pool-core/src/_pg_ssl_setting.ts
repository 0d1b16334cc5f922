/**
 * Checking `ssl`. pg takes whatever is not false for "yes": a function for TLS without the options it would give, and at a text it
 * does not know it throws in the middle of a connect, where nobody can catch it.
 */
import { InvalidOptionError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';

/** pg's own; an empty one means no, as in a variable that is not set. */
const TEXTS: ReadonlySet<unknown> = new Set(['', 'true', 'no-verify']);
/** In a connection string, where `1` and `0` are read as well. */
const PARAMETERS: ReadonlySet<string> = new Set(['', 'true', '1', '0', 'no-verify']);
/** What pg-native hands to libpq. */
const MODES: ReadonlySet<unknown> = new Set([
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
]);
/** Any of them in a connection string makes the options of `ssl` anew, whatever `ssl` says there. */
const STRONGER = ['sslmode', 'sslcert', 'sslkey', 'sslrootcert'];

/** @param native whether libpq does the connecting. @throws InvalidOptionError */
export function checkSsl(
  options: Pick<PoolOptions, 'connectionString' | 'ssl'>,
  native: boolean,
): void {
  checkParameter(options.connectionString);
  const ssl: unknown = options.ssl;
  if (!ssl || ssl === true || TEXTS.has(ssl) || (native && MODES.has(ssl))) return;
  if (typeof ssl === 'object' && !Array.isArray(ssl) && !('then' in ssl)) return;
  throw new InvalidOptionError(
    'ssl',
    ssl,
    "true, false, 'no-verify', or an object of TLS options such as { ca } (a mode such as verify-full goes into the connection string: ?sslmode=verify-full)",
  );
}

function checkParameter(connectionString: unknown): void {
  if (typeof connectionString !== 'string' || connectionString.startsWith('/')) return;
  const begin = connectionString.indexOf('?');
  if (begin < 0) return;
  const parameters = new URLSearchParams(connectionString.slice(begin + 1));
  const ssl = parameters.getAll('ssl').at(-1);
  if (ssl === undefined || PARAMETERS.has(ssl)) return;
  if (STRONGER.some((name) => parameters.getAll(name).at(-1))) return;
  throw new InvalidOptionError(
    'ssl in the connection string',
    ssl,
    'true, 1, 0 or no-verify, or sslmode instead',
  );
}
