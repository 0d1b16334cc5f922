/**
 * How the servers of a pool stand, in words.
 */
import { type KnownServer, keyOf, nameOf, type Server } from './_server_book.ts';

/** @returns lines; none where no server is known. */
export function explainServers(
  all: Iterable<KnownServer>,
  connected: Iterable<{ readonly server: Server }>,
  now: number,
): string[] {
  const counts = new Map<string, number>();
  for (const { server } of connected) {
    counts.set(keyOf(server), (counts.get(keyOf(server)) ?? 0) + 1);
  }
  const lines = Array.from(all, (known) => {
    const { role, refusal, outcome, server } = known;
    const is =
      role.standby === undefined ? 'of unknown role' : role.standby ? 'a standby' : 'a primary';
    const lag = role.lagMs === undefined ? '' : `, ${Math.round(role.lagMs)} ms behind`;
    const count = counts.get(keyOf(server)) ?? 0;
    const last =
      outcome === undefined ? '' : `; last ${outcome.how} ${Math.round(now - outcome.at)} ms ago`;
    const why = refusal === undefined ? '' : `; not taken: ${refusal}`;
    return `- ${nameOf(server)}: ${is}${lag}, ${count} connections${last}${why}`;
  });
  return lines.length === 0 ? [] : ['Servers:', ...lines];
}
