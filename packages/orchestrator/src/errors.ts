/** Base of everything this package throws on purpose. `code` is stable; messages may improve. */
export class OrchestratorError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An option is unknown or out of its range. */
export class InvalidOptionError extends OrchestratorError {
  readonly field: string;
  readonly value: unknown;
  readonly wanted: string;

  constructor(field: string, value: unknown, wanted: string) {
    super('ERR_ORCHESTRATOR_INVALID_OPTION', `${field}: ${show(value)} given, wanted ${wanted}`);
    this.field = field;
    this.value = value;
    this.wanted = wanted;
  }
}

export type UnfitCode =
  | 'ERR_UNFIT_DATABASE'
  | 'ERR_UNFIT_REDIS'
  | 'ERR_UNFIT_MAX_CONNECTIONS'
  | 'ERR_UNFIT_PRIVILEGE'
  | 'ERR_UNFIT_OPEN_FILES'
  | 'ERR_UNFIT_OUT_DIR';

/** The environment cannot carry the run: nothing was measured. `remedy` says what to change. */
export class UnfitEnvironmentError extends OrchestratorError {
  declare readonly code: UnfitCode;
  readonly remedy: string;

  constructor(code: UnfitCode, problem: string, remedy: string, cause?: unknown) {
    super(code, `${problem}. ${remedy}`, cause === undefined ? undefined : { cause });
    this.remedy = remedy;
  }
}

/** A method was called before the one it builds on, or after `close()`. */
export class WrongOrderError extends OrchestratorError {
  constructor(called: string, needed: string) {
    super('ERR_ORCHESTRATOR_ORDER', `${called}: ${needed}`);
  }
}

/** A part of a connection layer did not start; the parts started before it have been closed again. */
export class LayerStartError extends OrchestratorError {
  /** `pool`, `cache`, `guard` or `optimizer`. */
  readonly part: string;

  constructor(part: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super('ERR_LAYER_START', `the connection layer's ${part} did not start: ${why}`, { cause });
    this.part = part;
  }
}

/** One or more parts of a connection layer did not close in time or failed to; the others are closed. */
export class LayerCloseError extends OrchestratorError {
  /** By part, what it failed with. */
  readonly failures: Readonly<Record<string, unknown>>;

  constructor(failures: Readonly<Record<string, unknown>>) {
    const parts = Object.entries(failures).map(
      ([part, error]) => `${part}: ${error instanceof Error ? error.message : String(error)}`,
    );
    super('ERR_LAYER_CLOSE', `the connection layer closed with errors (${parts.join('; ')})`, {
      cause: Object.values(failures)[0],
    });
    this.failures = failures;
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? `[${value.map(show).join(', ')}]` : 'an object';
  }
  return String(value);
}
