/**
 * What loads and durations are made and measured with; imports none of the four packages, so that a process which
 * measures something else does not load them.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { arrivals, LatencyHistogram, runOpenLoop, seededRandom, steady } from '@fynlo/orchestrator/measurement';
 *
 * const response = new LatencyHistogram();
 * const report = await runOpenLoop({
 *   due: arrivals([steady(200, 100)], seededRandom(7)),
 *   work: async ({ intendedAt }) => {
 *     await new Promise((resolve) => setImmediate(resolve));
 *     response.record(performance.now() - intendedAt);
 *   },
 * });
 * assert.equal(response.count, report.completed);
 * ```
 *
 * @module
 */
export * from './arrivals.ts';
export * from './latency_histogram.ts';
export * from './open_loop.ts';
export * from './pacer.ts';
export * from './seeded_random.ts';
export * from './zipf.ts';
