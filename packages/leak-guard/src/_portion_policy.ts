/**
 * How many rows to ask the server for next.
 *
 * @module
 */

export interface PortionFacts {
  /** Rows and bytes of the portion so far. */
  readonly rows: number;
  readonly bytes: number;
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** The first request, when nothing is known of the rows: little enough when they are wide. */
const FIRST_ROWS = 32;
/** Each request asks for at most this many times what came before: rows may become wider. */
const GROWTH = 16;
const MOST_ROWS = 10_000;

/** As many rows as are left by count, or by the mean width so far: an ordinary result takes one to three requests. */
export function nextRequestRows(facts: PortionFacts): number {
  const byRows = facts.maxRows - facts.rows;
  if (facts.rows === 0) return Math.max(1, Math.min(FIRST_ROWS, byRows));
  const width = Math.max(1, facts.bytes / facts.rows);
  const byBytes = Math.ceil((facts.maxBytes - facts.bytes) / width);
  return Math.max(1, Math.min(MOST_ROWS, byRows, byBytes, facts.rows * GROWTH));
}

/** A portion that has used up its budget. Whether there is more is known only when one row more was asked for. */
export function isFull(facts: PortionFacts): boolean {
  return facts.rows >= facts.maxRows || facts.bytes >= facts.maxBytes;
}

export function isExceeded(facts: PortionFacts): boolean {
  return facts.rows > facts.maxRows || facts.bytes > facts.maxBytes;
}
