/**
 * The forms in which `pool.query()` takes a statement.
 */

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

/** A config of our own with this name, without a time limit of pg's. */
export function ownConfig(
  given: string | object,
  values: unknown,
  name: string | undefined,
): OneShotConfig {
  if (typeof given === 'string') return { text: given, values, name };
  const config = given as OneShotConfig;
  const { text, types, rowMode, binary, queryMode } = config;
  return {
    text,
    values: values ?? config.values,
    name: config.name ?? name,
    types,
    rowMode,
    binary,
    queryMode,
  };
}
