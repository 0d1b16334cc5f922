/**
 * How much memory this process may take.
 *
 * @module
 */
import { freemem, totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** The container's limit where there is one, else the machine's memory. */
export function processLimitBytes(): number {
  const total = totalmem();
  const constrained = process.constrainedMemory?.() ?? 0;
  // "No limit" is told as 0, or as a number near 2^64.
  return constrained > 0 && constrained < total ? constrained : total;
}

/** What V8 lets the heap grow to (`--max-old-space-size` and the young generation). */
export function heapLimitBytes(): number {
  return getHeapStatistics().heap_size_limit;
}

/** What the process can still take before the container or the machine runs out. */
export function availableMemoryBytes(): number {
  const available = process.availableMemory?.() ?? freemem();
  return Math.min(available, Math.max(0, processLimitBytes() - process.memoryUsage.rss()));
}
