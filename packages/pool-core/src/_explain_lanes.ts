/** The shared connections of a pool in words, for a person on call. */
import type { LaneReason } from './_lane_policy.ts';
import type { LaneStats } from './_lane_stats.ts';

const WHY: Readonly<Record<LaneReason, string>> = {
  first: 'the first query came',
  depth: 'many queries were under way on each',
  work: 'the server had work to do for each',
  'held-up': 'the others are held up by queries that take long',
  contention: 'others wait for a connection of their own',
  'low-load': 'fewer do for the load',
  limit: 'the pool may have fewer connections',
  idle: 'there was nothing to do',
  outdated: 'its connection is outdated',
  lifetime: 'its connection is past its lifetime',
  'max-uses': 'its connection has served its uses',
  lost: 'its connection was lost',
  'session-error': 'an error left its session unusable',
  closing: 'the pool ends',
};

/** Changes told; `stats()` has more. */
const TOLD = 5;

export function explainLanes(lanes: LaneStats): string {
  if (lanes.refused !== undefined) return `Nothing is shared: ${lanes.refused}.`;
  const lines = [
    `Lanes: ${lanes.lanes} connections are shared, with ${lanes.inFlight} queries under way and ${lanes.queued} that wait; ` +
      `${lanes.shared} queries shared, ${lanes.exclusive} were alone on one, ${lanes.retried} sent again, ${lanes.cancelled} cancelled.`,
  ];
  for (const { text, meanMs } of lanes.slowStatements) {
    lines.push(`- slow, on connections of its own: ${text.slice(0, 80)} (${meanMs.toFixed(1)} ms)`);
  }
  for (const { at, from, to, reason } of lanes.changes.slice(-TOLD).reverse()) {
    lines.push(`- ${new Date(at).toISOString()} lanes ${from} -> ${to}, as ${WHY[reason]}`);
  }
  return lines.join('\n');
}
