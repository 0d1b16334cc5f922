/**
 * The pacer's thread, as text: it has to survive bundling into one file, and a thread started from text needs no path.
 * It sleeps in `Atomics.wait`, whose deadline is honoured to ~0.1 ms (measured: p95 0.2 ms late at 300 a second, 2 % of
 * a core); `setTimeout` is up to 1 ms late by design, which is the whole of the tightest criterion.
 */
export const PACER_THREAD: string = `
const { parentPort, workerData } = require('node:worker_threads');
const due = workerData.due;
const cell = new Int32Array(new SharedArrayBuffer(4));
const clock = () => Number(process.hrtime.bigint()) / 1e6;
const base = clock();
let next = 0;
while (next < due.length) {
  const early = due[next] - (clock() - base);
  if (early > 0) Atomics.wait(cell, 0, 0, early);
  const woke = clock() - base;
  const first = next;
  while (next < due.length && due[next] <= woke) next++;
  if (next > first) parentPort.postMessage([base, first, next, woke]);
}
`;

/** What the thread says: requests `first` to `end` (exclusive) are due; it woke `woke` ms after `base` (hrtime ms). */
export type PacerMessage = readonly [base: number, first: number, end: number, woke: number];
