/**
 * Whether anybody stands in pg-pool's way in.
 */

/** What only pg-pool's own method talks of; bundlers and minifiers leave property names alone. */
const MARKS = ['.newClient(', '._pendingQueue.push('];

let judged: unknown;
let own = false;

/**
 * Whether this `connect()` is the one that pg-pool was published with, and not one that a tracer (OpenTelemetry, Datadog, Sentry) has
 * put around it. Judged by its text, as it may have been patched before this module was loaded; where the text cannot be had (a
 * snapshot, bytecode), it counts as patched. Looked at on every call, as it may be patched and unpatched at any time.
 */
export function isPgPoolsOwn(connect: unknown): boolean {
  if (connect === judged) return own;
  judged = connect;
  const text = typeof connect === 'function' ? Function.prototype.toString.call(connect) : '';
  own = MARKS.every((mark) => text.includes(mark));
  return own;
}
