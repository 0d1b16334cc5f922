/**
 * Whether anybody stands in the ways that lead through pg: into pg-pool's pool, and into the client.
 */

/**
 * Judges functions by what only the published one talks of: they may have been patched before this module was loaded, and bundlers
 * and minifiers leave property names alone. Where the text cannot be had (a snapshot, bytecode), a function counts as patched.
 */
function judgeBy(marks: readonly string[]): (fn: unknown) => boolean {
  let judged: unknown;
  let own = false;
  return (fn) => {
    if (fn === judged) return own;
    judged = fn;
    const text = typeof fn === 'function' ? Function.prototype.toString.call(fn) : '';
    own = marks.every((mark) => text.includes(mark));
    return own;
  };
}

/**
 * Whether this `connect()` is the one that pg-pool was published with, and not one that a tracer (OpenTelemetry, Datadog, Sentry) has
 * put around it. Looked at on every call, as it may be patched and unpatched at any time.
 */
export const isPgPoolsOwn: (connect: unknown) => boolean = judgeBy([
  '.newClient(',
  '._pendingQueue.push(',
]);

/** Whether this is the `query()` of pg's Client. */
export const isPgsOwnQuery: (query: unknown) => boolean = judgeBy([
  '._queryQueue.push(',
  '._pulseQueryQueue(',
]);
