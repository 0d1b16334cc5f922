/** Base of every error this package throws itself. Errors of a loader are passed on as they are. */
export class CacheError extends Error {
  /** Stable and machine-readable, `ERR_CACHE_…`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An option or argument has a value that cannot work. `ERR_CACHE_INVALID_OPTION` */
export class InvalidOptionError extends CacheError {
  readonly field: string;
  readonly value: unknown;
  readonly wanted: string;

  constructor(field: string, value: unknown, wanted: string) {
    super('ERR_CACHE_INVALID_OPTION', `${field} is ${show(value)}; wanted: ${wanted}`);
    this.field = field;
    this.value = value;
    this.wanted = wanted;
  }
}

/** The cache was asked after `close()`. `ERR_CACHE_CLOSED` */
export class CacheClosedError extends CacheError {
  readonly operation: string;

  constructor(operation: string, namespace: string) {
    super('ERR_CACHE_CLOSED', `${operation}: the cache '${namespace}' is closed`);
    this.operation = operation;
  }
}

/** A loader did not settle within `loaderTimeoutMs`. Its `signal` was aborted. `ERR_CACHE_LOADER_TIMEOUT` */
export class LoaderTimeoutError extends CacheError {
  readonly key: string;
  readonly timeoutMs: number;

  constructor(key: string, timeoutMs: number) {
    super(
      'ERR_CACHE_LOADER_TIMEOUT',
      `the loader of '${key}' did not settle within loaderTimeoutMs (${timeoutMs} ms)`,
    );
    this.key = key;
    this.timeoutMs = timeoutMs;
  }
}

/** A value cannot be stored and read back as it is. `ERR_CACHE_VALUE` */
export class CacheValueError extends CacheError {
  readonly key: string;

  constructor(key: string, reason: string, options?: ErrorOptions) {
    super('ERR_CACHE_VALUE', `the value of '${key}' cannot be cached: ${reason}`, options);
    this.key = key;
  }
}

/**
 * Redis did not answer in time, refused, or is known to be down. Reads never throw it (they go to the loader);
 * `set` and the `optimize…` probes do. `ERR_CACHE_REDIS_UNAVAILABLE`
 */
export class RedisUnavailableError extends CacheError {
  readonly reason: 'timeout' | 'not-connected' | 'breaker-open' | 'reply-error';

  constructor(reason: RedisUnavailableError['reason'], detail: string, options?: ErrorOptions) {
    super('ERR_CACHE_REDIS_UNAVAILABLE', `Redis: ${detail}`, options);
    this.reason = reason;
  }
}

/**
 * An invalidation took effect in this process but did not reach Redis. It is kept and repeated until it does
 * (`pendingRetry`); until then this process reads those keys from the loader. Other processes may still serve the old
 * value: the caller decides whether that is an error of its own. `ERR_CACHE_INVALIDATION`
 */
export class InvalidationError extends CacheError {
  readonly keys: number;
  readonly tags: number;
  readonly pendingRetry: number;

  constructor(keys: number, tags: number, pendingRetry: number, options?: ErrorOptions) {
    super(
      'ERR_CACHE_INVALIDATION',
      `invalidation of ${keys} keys and ${tags} tags did not reach Redis; it took effect in this process and will be ` +
        `repeated (${pendingRetry} waiting)`,
      options,
    );
    this.keys = keys;
    this.tags = tags;
    this.pendingRetry = pendingRetry;
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 80)}'`;
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
