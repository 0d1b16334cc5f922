/**
 * Tells of each major collection of this process.
 *
 * @module
 */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';

/** Calls back soon after each; the returned function stops it. */
export function watchMajorCollections(onMajor: () => void): () => void {
  const observer = new PerformanceObserver((list) => {
    // Every entry: collections that happen within one task arrive in one list.
    for (const entry of list.getEntries() as (PerformanceEntry & {
      detail?: { kind?: number };
    })[]) {
      if (entry.detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR) onMajor();
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
