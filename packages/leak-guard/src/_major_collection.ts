/**
 * Tells of major collections of this process.
 *
 * A FinalizationRegistry is told of an object only by a major collection, never by a minor one: an object that nobody
 * refers to, registered, is a bell that rings at the next. It costs nothing meanwhile, where a `PerformanceObserver` of
 * `gc` makes an entry for each of the 30–80 minor collections a second of a busy service. And it proves more than that
 * a collection has ended: marking has *begun* after the bell was set, so whatever was unreachable by then was found.
 *
 * @module
 */

/** Calls back after the next major collection that begins from now on; the returned function takes that back. */
export function onNextMajorCollection(ring: () => void): () => void {
  const token = {};
  bells.register({}, ring, token);
  return () => bells.unregister(token);
}

// In a module's scope: a registry that is collected itself tells nothing.
const bells = new FinalizationRegistry<() => void>((ring) => ring());
