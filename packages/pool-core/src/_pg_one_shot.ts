/**
 * The forms in which `pool.query()` takes a statement.
 */
import pg from 'pg';
import { isPgsOwnQuery } from './_pg_front_door.ts';
import { queryClassOf } from './_pg_own_query.ts';

/** What pg reads of a query config. Whoever makes a new one gives all of it: pg writes into the object it is given. */
export interface OneShotConfig {
  readonly text: string;
  readonly values?: unknown;
  readonly name?: string | undefined;
  readonly types?: unknown;
  readonly rowMode?: unknown;
  readonly binary?: unknown;
  readonly queryMode?: unknown;
  readonly query_timeout?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** The config, where it is a single statement by its text: no query object of its own (cursors, COPY), no portal read in parts. */
export function oneShotConfig(given: unknown): OneShotConfig | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const config = given as OneShotConfig &
    Record<'submit' | 'rows' | 'portal' | 'callback', unknown>;
  if (typeof config.text !== 'string') return undefined;
  if (typeof config.submit === 'function' || typeof config.callback === 'function')
    return undefined;
  return config.rows || config.portal ? undefined : config;
}

/** The statement under this name, without a time limit of pg's. */
export function ownQuery(
  client: pg.ClientBase,
  given: string | object,
  values: unknown,
  name: string | undefined,
): object {
  const Query = queryClassOf(client);
  if (Query !== undefined) {
    const query = new Query(given, values);
    query.name ??= name;
    return query;
  }
  const config = typeof given === 'string' ? { text: given } : (given as OneShotConfig);
  return {
    ...config,
    values: values ?? config.values,
    name: config.name ?? name,
    query_timeout: undefined,
  };
}

/** As it was given; as a query of the pool's own where only pg is there to see it. */
export function sendPlain(
  client: pg.ClientBase,
  given: unknown,
  values: unknown,
  finish: (error: Error | undefined, result?: unknown) => void,
): void {
  const config: OneShotConfig | undefined =
    typeof given === 'string' ? { text: given } : oneShotConfig(given);
  if (config === undefined || !isPlain(client)) {
    client.query(given as string, values as unknown[], finish as never);
    return;
  }
  const query = ownQuery(client, given as string | object, values, undefined);
  const timeout = config.query_timeout;
  if (timeout) Object.assign(query, { query_timeout: timeout });
  void client.query(query as never, finish as never);
}

/**
 * A subclass may have another class under `Query`; pg's Client makes queries of its own all the same. And only the callback that it
 * makes a query with does it bind to a domain.
 */
function isPlain(client: pg.ClientBase): boolean {
  const { Query } = client.constructor as { readonly Query?: unknown };
  return isPgsOwnQuery(client.query) && Query === pg.Query && !inDomain();
}

/** Whether one of Node's (deprecated) domains is entered. */
export function inDomain(): boolean {
  return (process as { domain?: unknown }).domain != null;
}
