import { UsageError } from '../cli/errors.ts';
import { loadDifferences } from '../compare/same_load.ts';
import type { Asked, EarlierRun, ResultFile } from '../results/result_file.ts';
import type { RoundPlan } from '../rounds/round_plan.ts';
import { type LoadFlags, loadFlags } from './load_flags.ts';

/** What a run is asked for all its rows: the profile, the seed, and the load flags that are given. */
export function askedOf(
  flags: LoadFlags & { readonly profile?: string; readonly seed?: number },
): Asked {
  const load = Object.keys(loadFlags).flatMap((name) => {
    const value = flags[name as keyof LoadFlags];
    return value === undefined ? [] : [[name, value === true ? '' : String(value)] as const];
  });
  return {
    profile: flags.profile ?? 'full',
    seed: String(flags.seed ?? 1),
    ...Object.fromEntries(load),
  };
}

/**
 * Refuses to add rows to a table that were asked otherwise: no reader of it could tell the one from the other.
 *
 * @param kept the rows of the file that stay
 * @throws UsageError saying what is not the same, and what to do
 */
export function refuseOtherwiseAsked(
  path: string,
  {
    kept,
    asked,
    plan,
  }: { readonly kept: ResultFile; readonly asked: Asked; readonly plan: readonly RoundPlan[] },
): void {
  const stays = kept.scenarios.filter(({ failure }) => failure === undefined);
  const planned = plan.map(({ scenario: { id }, params }) => ({ id, params }));
  const runs = [...(kept.earlier ?? []), kept];
  const differences = [
    ...new Set(runs.flatMap((run) => askedDifferences(run, asked))),
    ...loadDifferences({ scenarios: stays }, { scenarios: planned }),
  ];
  if (stays.length === 0 || differences.length === 0) return;
  // Of a run that does not say what it was asked for, no flags are the same.
  const advice = runs.some((run) => run.asked === undefined)
    ? 'Measure anew without --resume'
    : `Give the flags it was made with (${kept.command}), or measure anew without --resume`;
  throw new UsageError(`Cannot resume ${path}: ${differences.join('; ')}. ${advice}`);
}

function askedDifferences({ asked: before }: Pick<EarlierRun, 'asked'>, now: Asked): string[] {
  if (before === undefined) return ['it does not say what it was asked for'];
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((name) =>
    before[name] === now[name]
      ? []
      : [`${said(name, before[name])} there, ${said(name, now[name])} here`],
  );
}

function said(name: string, value: string | undefined): string {
  if (value === undefined) return `no --${name}`;
  return value === '' ? `--${name}` : `--${name} ${value}`;
}
