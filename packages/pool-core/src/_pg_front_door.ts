/**
 * Whether anybody stands in the ways that lead through pg: into pg-pool's pool, and into the client.
 */

/**
 * Judges functions by what only the published one talks of: they may have been patched before this module was loaded, and bundlers
 * and minifiers leave property names alone. Where the text cannot be had (a snapshot, bytecode), a function counts as patched.
 */
function judgeBy(...marks: readonly string[]): (fn: unknown) => boolean {
  let published: unknown = marks;
  // Held weakly: an application's function may lead to a whole pool.
  const foreign = new WeakSet<object>();
  return (fn) => {
    if (fn === published) return true;
    if (typeof fn !== 'function' || foreign.has(fn)) return false;
    const text = Function.prototype.toString.call(fn);
    const own = marks.every((mark) => text.includes(mark));
    if (own) published = fn;
    else foreign.add(fn);
    return own;
  };
}

/**
 * Whether this `connect()` is the one that pg-pool was published with, and not one that a tracer (OpenTelemetry, Datadog, Sentry) has
 * put around it. Looked at on every call, as it may be patched and unpatched at any time.
 */
export const isPgPoolsOwn: (connect: unknown) => boolean = judgeBy(
  '.newClient(',
  '._pendingQueue.push(',
);

/** Whether this is the `query()` of pg's Client. */
export const isPgsOwnQuery: (query: unknown) => boolean = judgeBy(
  '._queryQueue.push(',
  '._pulseQueryQueue(',
);

/** Whether this is the `submit()` of pg's Query. */
export const isPgsOwnSubmit: (submit: unknown) => boolean = judgeBy(
  '.requiresPreparation(',
  '.prepare(',
);

/** Whether this is the `handleRowDescription()` of pg's Query. */
export const isPgsOwnDescription: (handle: unknown) => boolean = judgeBy(
  '._checkForMultirow(',
  '._accumulateRows',
);

/** Whether this is the `addFields()` of pg's Result. */
export const isPgsOwnFields: (addFields: unknown) => boolean = judgeBy(
  '.getTypeParser(',
  '._prebuiltEmptyResultObject',
);
