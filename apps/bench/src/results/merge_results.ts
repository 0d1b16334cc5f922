import { elsewhere } from './elsewhere.ts';
import type { EarlierRun, ResultFile, ScenarioResult } from './result_file.ts';

/**
 * One result of several, oldest first: a scenario that more than one measured counts as the last of them found it. What
 * the file says of its run is said of the last one that measured something; the others are named beside it with the scenarios that are
 * theirs, and each scenario of another commit or another machine says so.
 *
 * @param order ids in the order of the table; others come after them
 */
export function mergeResults(
  results: readonly [ResultFile, ...ResultFile[]],
  order: readonly string[],
): ResultFile {
  const [first] = results;
  if (results.length === 1) return first;
  // One that found nothing left to measure is no place that rows could be elsewhere of.
  const last = results.findLast(({ scenarios }) => scenarios.length > 0) ?? first;

  const owners = new Map<string, { run: ResultFile | EarlierRun; scenario: ScenarioResult }>();
  for (const result of results) {
    for (const scenario of result.scenarios) {
      const run = result.earlier?.find(({ rows }) => rows.includes(scenario.id)) ?? result;
      owners.set(scenario.id, { run, scenario });
    }
  }
  const pending = new Map(results.flatMap((result) => result.pending).map((row) => [row.id, row]));
  for (const id of owners.keys()) pending.delete(id);

  const place = (id: string): number => (order.includes(id) ? order.indexOf(id) : order.length);
  const inOrder = (a: { id: string }, b: { id: string }): number => place(a.id) - place(b.id);
  return {
    ...last,
    partial: pending.size > 0,
    pending: [...pending.values()].sort(inOrder),
    scenarios: [...owners.values()]
      .map(({ run, scenario: { elsewhere: _, ...scenario } }): ScenarioResult => {
        const differences = run === last ? [] : elsewhere(run, last);
        return differences.length === 0 ? scenario : { ...scenario, elsewhere: differences };
      })
      .sort(inOrder),
    earlier: results
      .flatMap((result) => [...(result.earlier ?? []), result])
      .filter((run) => run !== last)
      .map((run): EarlierRun => {
        const { startedAt, finishedAt, seed, asked, command, environment } = run;
        const rows = [...owners].flatMap(([id, owner]) => (owner.run === run ? [id] : []));
        const flags = asked === undefined ? {} : { asked };
        return { startedAt, finishedAt, seed, ...flags, command, environment, rows };
      })
      .filter(({ rows }) => rows.length > 0),
  };
}
