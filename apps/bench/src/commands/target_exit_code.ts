import { ExitCode } from '../cli/exit_code.ts';
import { changeLines } from '../compare/change_table.ts';
import { type Change, hasRegression } from '../compare/compare.ts';
import { number } from '../report/number.ts';
import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Threshold } from '../verdict/threshold.ts';
import { judge } from '../verdict/verdict.ts';

/** What a result is held against, besides the criteria of its scenarios. */
export interface Demands {
  readonly thresholds: readonly Threshold[];
  /** Against the baseline; none without one, or where it has none of the rows. */
  readonly changes: readonly Change[];
  /** `threshold`, `regression` or both: what fails the run. */
  readonly failOn: ReadonlySet<string>;
}

/** Decides how a run of target scenarios ends, and says on stderr why. */
export function targetExitCode(
  result: ResultFile,
  { thresholds, changes, failOn }: Demands,
  { err, colors }: Terminal,
): ExitCode {
  const broken = result.scenarios.filter(({ failure }) => failure !== undefined);
  for (const { id, failure } of broken)
    err.write(`${colors.red(`${id} broke:`)} ${failure?.split('\n')[0]}\n`);
  if (broken.length > 0) return ExitCode.crash;

  const missed = missedThresholds(thresholds, result.scenarios);
  for (const line of missed) err.write(`${colors.red('Threshold missed:')} ${line}\n`);
  if (changes.length > 0)
    err.write(`\nAgainst the baseline:\n${changeLines(changes, colors).join('\n')}\n`);
  if (failOn.has('regression') && hasRegression(changes)) return ExitCode.regression;
  // A target that cannot be measured yet is not met.
  const failed = result.scenarios.some(
    ({ verdict }) => verdict === 'fail' || verdict === 'not-built',
  );
  return failOn.has('threshold') && (failed || missed.length > 0)
    ? ExitCode.threshold
    : ExitCode.ok;
}

function missedThresholds(
  thresholds: readonly Threshold[],
  results: readonly ScenarioResult[],
): string[] {
  return thresholds.flatMap(({ text, scenario, criterion }) => {
    const result = results.find(({ id }) => id === scenario);
    const rounds = new Map((result?.subjects ?? []).map(({ name, rounds: r }) => [name, r]));
    const { verdict, measured, reason } = judge(criterion, rounds);
    if (verdict === 'pass') return [];
    return [`${text}: measured ${number(measured)}${reason === undefined ? '' : ` (${reason})`}`];
  });
}
