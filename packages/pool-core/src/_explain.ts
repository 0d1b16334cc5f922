/**
 * A pool in words, for a person on call.
 *
 * @module
 */
import type { PoolStats, ScalingEvent, ScalingReason } from './contract.ts';
import { describeSituation, type PoolSituation } from './errors.ts';

/** What there is to tell. */
export interface Explained {
  readonly situation: PoolSituation;
  readonly stats: PoolStats;
  readonly decisions: readonly ScalingEvent[];
  readonly lastConnectError: unknown;
  readonly connectLimit: number;
  /** What the server said of its room, in words. */
  readonly serverAllows: string | undefined;
  readonly min: number;
}

/** Decisions told; the rest is in `scalingEvents()`. */
const TOLD = 10;

const WHY: Readonly<Record<ScalingReason, string>> = {
  minimum: 'to keep the minimum open',
  waiters: 'for acquires that would have waited longer than a connect takes',
  'utilization-high': 'as utilisation was above the threshold in two of three ticks',
  'utilization-low': 'as utilisation was below the threshold for the whole window',
  idle: 'as connections were idle for longer than the idle timeout',
  warm: 'as a caller asked to be warm',
  resize: 'as a caller changed the bounds',
  'ceiling-frozen': 'as the last growth bought little throughput',
  'ceiling-cut': 'as throughput fell below the recent best',
  'ceiling-probe': 'to see whether more connections buy throughput now',
  'event-loop-saturated':
    "as this process's own event loop was saturated, which no connection mends",
  'server-capacity': 'as the server has room for so many, and some are left to others',
  'server-limit': 'as the server refused a connect for want of room',
  outage: 'as the server could not be reached',
};

const CEILINGS: ReadonlySet<ScalingReason> = new Set([
  'ceiling-frozen',
  'ceiling-cut',
  'ceiling-probe',
  'event-loop-saturated',
  'server-limit',
  'server-capacity',
]);

/** Several lines: how it stands, what it has seen, what it decided last and why. */
export function explain(pool: Explained): string {
  const { stats, situation, decisions } = pool;
  const lines = [
    `${describeSituation(situation, pool.lastConnectError)}.`,
    `It keeps ${pool.min} open and may have ${situation.max}; now it allows itself ${situation.ceiling}, and ${pool.connectLimit} connects at once.`,
    `Acquires: ${stats.acquires} answered (p95 wait ${ms(stats.wait.p95)}, p95 use ${ms(stats.use.p95)}), ` +
      `${stats.acquireTimeouts} timed out, ${stats.acquireAborts} aborted, ${stats.acquireRejections} refused.`,
    `Connects: ${stats.created} (p95 ${ms(stats.create.p95)}), ${stats.createFailures} failed; closed: ${closed(stats)}.`,
  ];
  if (decisions.length === 0) lines.push('It has not changed its size yet.');
  else lines.push('The last decisions, the newest first:');
  for (const event of decisions.slice(-TOLD).reverse()) lines.push(`- ${sentence(event)}`);
  return lines.join('\n');
}

/** One decision as a sentence. */
function sentence(event: ScalingEvent): string {
  const { at, from, to, reason, inputs } = event;
  const numbers = Object.entries(inputs).map(([name, value]) => `${name} ${short(value)}`);
  const what = CEILINGS.has(reason) ? 'ceiling' : 'size';
  const change = from === to ? `held at ${to}` : `${from} -> ${to}`;
  const given = numbers.length === 0 ? '' : ` (${numbers.join(', ')})`;
  return `${new Date(at).toISOString()} ${what} ${change}, ${WHY[reason]}${given}`;
}

function closed(stats: PoolStats): string {
  const reasons = Object.entries(stats.destroyed).map(([reason, count]) => `${count} ${reason}`);
  return reasons.length === 0 ? 'none' : reasons.join(', ');
}

function ms(value: number): string {
  return `${short(value)} ms`;
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}
