/** Every error this package raises has one of these codes; they do not change between versions. */
export type ResourceOptimizerErrorCode = 'ERR_RESOURCE_OVERLOADED' | 'ERR_RESOURCE_INVALID_OPTION';

/** Base of the errors of this package. */
export class ResourceOptimizerError extends Error {
  readonly code: ResourceOptimizerErrorCode;

  constructor(code: ResourceOptimizerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** How much a request matters when not all can be served. `critical` is never refused by the optimizer. */
export type Priority = 'critical' | 'normal' | 'low';

/** What was over its limit when a request was refused. */
export type OverloadReason = 'queue-age' | 'event-loop' | 'memory' | 'cpu' | 'queue-full';

const UNIT: Record<OverloadReason, (value: number, queue: string) => string> = {
  'queue-age': (value, queue) =>
    `the oldest in queue "${queue}" has waited ${Math.round(value)} ms`,
  'event-loop': (value) => `the event loop is ${Math.round(value * 100)} % busy`,
  memory: (value) => `memory is at ${Math.round(value * 100)} % of its limit`,
  cpu: (value) => `the CPU is at ${Math.round(value * 100)} % of the available cores`,
  'queue-full': (value) => `${value} requests wait already`,
};

const WANTED: Record<OverloadReason, (limit: number) => string> = {
  'queue-age': (limit) => `at most ${limit} ms`,
  'event-loop': (limit) => `under ${Math.round(limit * 100)} %`,
  memory: (limit) => `under ${Math.round(limit * 100)} %`,
  cpu: (limit) => `under ${Math.round(limit * 100)} %`,
  'queue-full': (limit) => `at most ${limit}`,
};

/**
 * A request was refused because serving it would make every other one late. Answer 503 with
 * `Retry-After: Math.ceil(error.retryAfterMs / 1000)`.
 */
export class OverloadedError extends ResourceOptimizerError {
  /** What was over its limit. */
  readonly reason: OverloadReason;
  /** How much there was: milliseconds for `queue-age`, a count for `queue-full`, else a share 0..1. */
  readonly value: number;
  /** How much is allowed, in the unit of `value`. */
  readonly limit: number;
  /** When a retry has a chance, in ms. */
  readonly retryAfterMs: number;
  readonly priority: Priority;
  /** The queue that is too old, for `queue-age`. */
  readonly queue: string | undefined;

  constructor(facts: {
    readonly reason: OverloadReason;
    readonly value: number;
    readonly limit: number;
    readonly retryAfterMs: number;
    readonly priority: Priority;
    readonly queue?: string;
  }) {
    super(
      'ERR_RESOURCE_OVERLOADED',
      `Refused a ${facts.priority}-priority request: ${UNIT[facts.reason](facts.value, facts.queue ?? '')}, wanted ` +
        `${WANTED[facts.reason](facts.limit)}; retry after ${Math.ceil(facts.retryAfterMs)} ms`,
    );
    this.reason = facts.reason;
    this.value = facts.value;
    this.limit = facts.limit;
    this.retryAfterMs = facts.retryAfterMs;
    this.priority = facts.priority;
    this.queue = facts.queue;
  }
}

/** An option (or argument) has a value that cannot work. */
export class InvalidOptionError extends ResourceOptimizerError {
  readonly field: string;
  readonly value: unknown;
  /** The accepted range, in words. */
  readonly wanted: string;

  constructor(field: string, value: unknown, wanted: string) {
    super(
      'ERR_RESOURCE_INVALID_OPTION',
      `Cannot use option "${field}": current value is ${describe(value)}, wanted ${wanted}`,
    );
    this.field = field;
    this.value = value;
    this.wanted = wanted;
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
