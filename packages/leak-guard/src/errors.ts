/** Base of every error this package throws; `code` is stable and meant to be matched on. */
export class LeakGuardError extends Error {
  override name = 'LeakGuardError';
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An option has an unknown name or a value outside its range. */
export class InvalidOptionError extends LeakGuardError {
  override name = 'InvalidOptionError';
  /** The option's name, with a dot for nested ones. */
  readonly field: string;
  readonly value: unknown;
  /** What would have been accepted. */
  readonly wanted: string;

  constructor(field: string, value: unknown, wanted: string) {
    const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
    super('ERR_LEAK_GUARD_INVALID_OPTION', `Option "${field}" is ${shown}; wanted ${wanted}`);
    this.field = field;
    this.value = value;
    this.wanted = wanted;
  }
}

/** What is watched or wrapped has not the shape the guard needs. */
export class UnsupportedError extends LeakGuardError {
  override name = 'UnsupportedError';

  constructor(message: string) {
    super('ERR_LEAK_GUARD_UNSUPPORTED', message);
  }
}

/** A result set passed its budget; the statement was ended and its connection is usable. */
export class ResultTooLargeError extends LeakGuardError {
  override name = 'ResultTooLargeError';
  /** Rows received before the stop. */
  readonly rows: number;
  /** Bytes of these rows on the wire. */
  readonly bytes: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  /** The statement's text, its first 200 characters. */
  readonly text: string;

  constructor(
    seen: { rows: number; bytes: number; text: string },
    limit: { maxRows: number; maxBytes: number },
  ) {
    const passed = seen.rows > limit.maxRows ? `${limit.maxRows} rows` : `${limit.maxBytes} bytes`;
    super(
      'ERR_LEAK_GUARD_RESULT_TOO_LARGE',
      `The result set passed its budget of ${passed} (stopped after ${seen.rows} rows, ${seen.bytes} bytes); ` +
        `add a LIMIT, read it in pieces (onExceed: 'cursor'), or raise the budget. Statement: ${seen.text.slice(0, 200)}`,
    );
    this.rows = seen.rows;
    this.bytes = seen.bytes;
    this.maxRows = limit.maxRows;
    this.maxBytes = limit.maxBytes;
    this.text = seen.text.slice(0, 200);
  }
}

/** A buffer was given to a pool that did not lend it, or given back twice. */
export class BufferNotLentError extends LeakGuardError {
  override name = 'BufferNotLentError';

  constructor(bytes: number) {
    super(
      'ERR_LEAK_GUARD_BUFFER_NOT_LENT',
      `release() got a buffer of ${bytes} bytes that this pool has not lent out: it was released before, or comes from elsewhere`,
    );
  }
}
