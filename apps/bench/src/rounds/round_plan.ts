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

/** How many rounds a subject has. */
export function roundsOf({ scenario, rounds, besideRounds }: RoundPlan, name: string): number {
  const judged = scenario.criteria.some(({ subject, peer }) => subject === name || peer === name);
  return judged ? rounds : Math.min(rounds, besideRounds);
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
  const roundMs = scenario.roundMs ?? ((p: Params): number => p.warmupMs + p.durationMs);
  return runnableSubjects(plan).reduce(
    (sum, { name }) => sum + roundsOf(plan, name) * (BETWEEN_MS + roundMs(params, name)),
    0,
  );
}

/** `about 3 min`, for a person who wonders whether to wait. */
export function aboutMinutes(ms: number): string {
  return ms < 60_000 ? 'less than a minute' : `about ${Math.round(ms / 60_000)} min`;
}
