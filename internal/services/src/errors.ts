/** Why a server could not be started or told to do something. */

/** No server could be started. `tried` says what was attempted and how each attempt failed. */
export class ServiceStartError extends Error {
  override readonly name: string = 'ServiceStartError';
  readonly code = 'ERR_SERVICE_START';
  /** Which server: `PostgreSQL`, `Redis` or `PgBouncer`. */
  readonly service: string;
  /** One line per attempt. */
  readonly tried: readonly string[];

  constructor(
    service: string,
    tried: readonly string[],
    advice: readonly string[],
    cause?: unknown,
  ) {
    super(
      [
        `No ${service} could be started. Tried:`,
        ...tried.map((line) => `  - ${line}`),
        ...(advice.length > 0 ? ['Do one of these and run again:'] : []),
        ...advice.map((line) => `  - ${line}`),
      ].join('\n'),
      { cause },
    );
    this.service = service;
    this.tried = tried;
  }
}

/** The server came from a URL in the environment: it is somebody else's to kill, restart or freeze. */
export class ServiceNotOwnedError extends Error {
  override readonly name: string = 'ServiceNotOwnedError';
  readonly code = 'ERR_SERVICE_NOT_OWNED';
  /** What was asked for. */
  readonly action: string;

  constructor(action: string, variable: string) {
    super(
      `${action}() is only for a server that was started here; this one is given by ${variable}. ` +
        `Start one of your own with { external: false }.`,
    );
    this.action = action;
  }
}

/** The server is not in the state that the action needs (a kill of one that is down, say). */
export class ServiceStateError extends Error {
  override readonly name: string = 'ServiceStateError';
  readonly code = 'ERR_SERVICE_STATE';
  /** What was asked for. */
  readonly action: string;
  /** How the server stood. */
  readonly state: string;

  constructor(action: string, state: string, wanted: string) {
    super(`${action}() wants a server that is ${wanted}; this one is ${state}`);
    this.action = action;
    this.state = state;
  }
}

/** The words of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
