import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import type { Params } from '../scenario/scenario.ts';

const PARTS: Readonly<Record<keyof Params, string>> = {
  callers: 'callers',
  connections: 'connections',
  ratePerSecond: 'operations a second',
  openRatePerSecond: 'operations a second after the closed loop',
  warmupMs: 'ms of warm-up',
  durationMs: 'ms a round',
};

interface Loads {
  readonly scenarios: readonly Pick<ScenarioResult, 'id' | 'params'>[];
}

/**
 * What was put on the rows that two runs have in common, where it was not the same: numbers of another load, or of
 * another duration (caches and controllers settle), are answers to another question. A line a row.
 */
export function loadDifferences(before: Loads, after: Loads): string[] {
  return after.scenarios.flatMap(({ id, params }) => {
    const old = before.scenarios.find((scenario) => scenario.id === id);
    if (old === undefined) return [];
    const parts = (Object.keys(PARTS) as (keyof Params)[]).filter(
      (part) => old.params[part] !== params[part],
    );
    const said = ({ params: p }: { readonly params: Params }): string =>
      parts.map((part) => `${p[part] ?? 'no'} ${PARTS[part]}`).join(', ');
    return parts.length === 0 ? [] : [`${id}: ${said(old)} before, ${said({ params })} after`];
  });
}

/** What else may move numbers between two runs: said beside the comparison, since ratios in one run stand much of it. */
export function surroundingDifferences(
  before: Pick<ResultFile, 'environment'>,
  after: Pick<ResultFile, 'environment'>,
): string[] {
  const [old, now] = [surroundings(before), surroundings(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name) => {
    const [a, b] = [old.get(name) ?? 'unknown', now.get(name) ?? 'unknown'];
    return a === b ? [] : [`${name}: ${a} before, ${b} after`];
  });
}

/** What may move numbers, by name. */
export function surroundings({
  environment: e,
}: Pick<ResultFile, 'environment'>): Map<string, string> {
  const servers = Object.entries({ PostgreSQL: e.postgres, Redis: e.redis });
  return new Map([
    ['Node', e.node],
    ['CPU', `${e.cpu}, ${e.cores} cores`],
    ...Object.entries(e.packages),
    ...servers.flatMap(([name, server]): [string, string][] =>
      server === undefined
        ? []
        : [
            [name, server.version],
            ...Object.entries(server.settings).map(([setting, value]): [string, string] => [
              `${name} ${setting}`,
              value,
            ]),
          ],
    ),
  ]);
}
