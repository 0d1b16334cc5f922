import { loadMs } from '../scenario/open_part.ts';
import type { Params, Scenario, Subject } from '../scenario/scenario.ts';

/** How a scenario is to be run. */
export interface RoundPlan {
  readonly scenario: Scenario;
  readonly params: Params;
  readonly rounds: number;
  /** Of a subject that no criterion is about: it is there to be seen beside those that one is about. */
  readonly besideRounds: number;
  /** Only these subjects; all when empty. */
  readonly only: readonly string[];
}

/** What the command line says of the number of rounds. */
export interface RoundsAsked {
  readonly rounds?: number;
  readonly profile?: 'quick' | 'ci' | 'full';
  /** All rows are run, and no more of them than there is time for (which `--profile full` takes). */
  readonly wholeTable: boolean;
}

/** A library that no target is about is seen in three rounds, and in one where that is longer than this. */
const LONG_ROUND_MS = 8000;
/** The quick profile only looks whether a row still runs: three rounds, or as many as this has room for. */
const QUICK_MS = 20_000;

/** How many rounds a row has. */
export function planRounds(
  row: Omit<RoundPlan, 'rounds' | 'besideRounds'>,
  { rounds: given, profile, wholeTable }: RoundsAsked,
): RoundPlan {
  const { scenario, params } = row;
  const plan = (rounds: number, besideRounds = rounds): RoundPlan => ({
    ...row,
    rounds,
    besideRounds,
  });
  if (given !== undefined) return plan(given);
  if (profile === 'quick')
    return plan(
      Math.max(1, Math.min(scenario.rounds, 3, Math.floor(QUICK_MS / expectedMs(plan(1))))),
    );
  const { rounds, tableRounds = rounds } = scenario;
  const longest = Math.max(
    ...runnableSubjects(plan(1)).flatMap(({ name }) =>
      isJudged(scenario, name) ? [] : [roundMs(scenario, params, name)],
    ),
  );
  return plan(
    wholeTable && profile !== 'full' ? tableRounds : rounds,
    longest > LONG_ROUND_MS ? 1 : 3,
  );
}

/** How many rounds a subject has. */
export function roundsOf({ scenario, rounds, besideRounds }: RoundPlan, name: string): number {
  return isJudged(scenario, name) ? rounds : Math.min(rounds, besideRounds);
}

function isJudged({ criteria }: Scenario, name: string): boolean {
  return criteria.some(({ subject, peer }) => subject === name || peer === name);
}

/** The subjects that have rounds. A peer alone answers nothing while ours is not there to be compared. */
export function runnableSubjects({ scenario, only }: RoundPlan): readonly Subject[] {
  const built = scenario.subjects.filter(({ notBuilt }) => notBuilt === undefined);
  const names = new Set(built.map(({ name }) => name));
  if (!scenario.criteria.some(({ subject }) => names.has(subject))) return [];
  return built.filter(({ name }) => only.length === 0 || only.includes(name));
}

/** From one round's end to its successor's load: a look at the host, a process, its modules, its connections, and their end. */
const BETWEEN_MS = 600;

/** About how long it takes, ms. */
export function expectedMs(plan: RoundPlan): number {
  const { scenario, params } = plan;
  return runnableSubjects(plan).reduce(
    (sum, { name }) => sum + roundsOf(plan, name) * (BETWEEN_MS + roundMs(scenario, params, name)),
    0,
  );
}

function roundMs(scenario: Scenario, params: Params, subject: string): number {
  return scenario.roundMs?.(params, subject) ?? loadMs(params);
}

/** `about 3 min`, for a person who wonders whether to wait. */
export function aboutMinutes(ms: number): string {
  return ms < 60_000 ? 'less than a minute' : `about ${Math.round(ms / 60_000)} min`;
}
