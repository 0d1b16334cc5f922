/**
 * A pool in words, for a person on call.
 *
 * @module
 */
import { joined, plain, sentence } from './_decision_words.ts';
import type { PoolStats, ScalingEvent } from './contract.ts';
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
}

/** Decisions told; the rest is in `scalingEvents()`. */
const TOLD = 10;

/** Several lines: how it stands, what it has seen, what it decided last and why. */
export function explain(pool: Explained): string {
  const { stats, situation, decisions } = pool;
  const lines = [
    `${describeSituation(situation, pool.lastConnectError)}.`,
    `It keeps ${stats.min} open and may have ${situation.max}; now it allows itself ${situation.ceiling}, and ${pool.connectLimit} connects at once.` +
      (pool.serverAllows === undefined ? '' : ` By its own account ${pool.serverAllows}.`),
    `Acquires: ${stats.acquires} answered (p95 wait ${ms(stats.wait.p95)}, p95 use ${ms(stats.use.p95)}), ` +
      `${stats.acquireTimeouts} timed out, ${stats.acquireAborts} aborted, ${stats.acquireRejections} refused.`,
    `Connects: ${stats.created} (p95 ${ms(stats.create.p95)}), ${stats.createFailures} failed; closed: ${closed(stats)}.`,
  ];
  if (decisions.length === 0) lines.push('It has not changed its size yet.');
  else lines.push('The last decisions, the newest first:');
  const told = joined(decisions).slice(-TOLD).reverse();
  for (const one of told) lines.push(`- ${sentence(one, stats.at)}`);
  return lines.join('\n');
}

function closed(stats: PoolStats): string {
  const reasons = Object.entries(stats.destroyed).map(([reason, count]) => `${count} ${reason}`);
  return reasons.length === 0 ? 'none' : reasons.join(', ');
}

function ms(value: number): string {
  return `${plain(value)} ms`;
}
