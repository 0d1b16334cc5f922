import { UsageError } from '../cli/errors.ts';
import { type FlagValues, switchFlag, textFlag, wholeNumberFlag } from '../cli/flags.ts';
import { unknownName } from '../cli/suggest.ts';
import type { LoadPart, Params, Scenario } from '../scenario/scenario.ts';

/** What a scenario is run with, where it is not its own parameters. */
export const loadFlags = {
  pool: {
    ...textFlag('NAME', 'only this subject; several with commas'),
    multiple: true as const,
  },
  connections: wholeNumberFlag('N', { min: 1, max: 1000 }, 'connections a subject may open', 'c'),
  callers: wholeNumberFlag('N', { min: 1, max: 100_000 }, 'callers in flight'),
  duration: wholeNumberFlag(
    'SECONDS',
    { min: 1, max: 3600 },
    'measured time of a round (an open loop that follows takes half of it more)',
    'd',
  ),
  warmup: wholeNumberFlag(
    'SECONDS',
    { min: 0, max: 600 },
    'time before it that is not measured',
    'w',
  ),
  rate: wholeNumberFlag(
    'N',
    { min: 1, max: 1_000_000 },
    'only an open loop, of N operations a second (default: a closed loop, then an open one at the rate that the scenario states)',
    'R',
  ),
  closed: switchFlag('only the closed loop: a caller starts again when it is answered'),
};

export type LoadFlags = FlagValues<typeof loadFlags>;

/**
 * A scenario's parameters, but for what the flags say.
 *
 * @throws UsageError for a flag that the scenario does not use: the result would state a load that was not put
 * @param scale of the scenario's own duration; its warm-up is what compilers and controllers need, however short the
 * measurement is, and the times of the flags are taken as they are
 */
export function paramsFor(scenario: Scenario, flags: LoadFlags, scale = 1): Params {
  if (flags.closed === true && flags.rate !== undefined)
    throw new UsageError('--closed and --rate exclude each other: a closed loop has no rate');
  refuseUnused(scenario, flags);
  const { ratePerSecond: ownRate, openRatePerSecond, ...own } = scenario.params;
  // One that does not take a duration has its times in itself: it would state a shorter one than it has.
  const part = scenario.takes?.includes('duration') === false ? 1 : scale;
  const rate = flags.closed === true ? undefined : (flags.rate ?? ownRate);
  const both = flags.closed === undefined && rate === undefined && openRatePerSecond !== undefined;
  if (rate !== undefined && flags.callers !== undefined)
    throw new UsageError(
      `${scenario.id} at ${rate} a second is an open loop, which has no callers: leave out --callers, or say --closed`,
    );
  return {
    callers: flags.callers ?? own.callers,
    connections: flags.connections ?? own.connections,
    warmupMs: flags.warmup === undefined ? own.warmupMs : flags.warmup * 1000,
    durationMs: flags.duration === undefined ? own.durationMs * part : flags.duration * 1000,
    ...(rate === undefined ? {} : { ratePerSecond: rate }),
    ...(both ? { openRatePerSecond } : {}),
  };
}

const PARTS = {
  callers: 'callers',
  connections: 'connections',
  duration: 'duration',
  warmup: 'warmup',
  rate: 'rate',
  closed: 'rate',
} as const satisfies Partial<Record<keyof LoadFlags, LoadPart>>;

function refuseUnused({ id, takes }: Scenario, flags: LoadFlags): void {
  if (takes === undefined) return;
  for (const [flag, part] of Object.entries(PARTS)) {
    if (flags[flag as keyof typeof PARTS] === undefined || takes.includes(part)) continue;
    const names = takes.map((taken) => (taken === 'rate' ? '--rate, --closed' : `--${taken}`));
    throw new UsageError(
      `${id} does not take --${flag}: of the load flags it takes ${names.join(', ') || 'none'}`,
    );
  }
}

/**
 * The subjects that `--pool` names; none means all.
 *
 * @throws UsageError when none of the scenarios has one of them, or a scenario none of them: it would be a row without rounds
 */
export function chosenSubjects(flags: LoadFlags, scenarios: readonly Scenario[]): string[] {
  const names = (flags.pool ?? []).flatMap((list) => list.split(',').map((name) => name.trim()));
  const known = [...new Set(scenarios.flatMap(({ subjects }) => subjects.map(({ name }) => name)))];
  for (const name of names) {
    if (!known.includes(name)) throw new UsageError(unknownName('subject', name, known));
  }
  for (const { id, subjects } of names.length === 0 ? [] : scenarios) {
    const its = subjects.map(({ name }) => name);
    if (!its.some((name) => names.includes(name)))
      throw new UsageError(`${id} has no subject ${names.join(', ')}: it has ${its.join(', ')}`);
  }
  return names;
}
