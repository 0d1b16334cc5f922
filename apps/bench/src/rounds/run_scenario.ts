import { cpuTicks, LOOK_MS, stolenTime, waitForQuiet } from '../measure/host.ts';
import type { Metrics } from '../measure/metric.ts';
import {
  type ServerCounter,
  type ServerCounts,
  withApplicationName,
} from '../measure/server_counts.ts';
import type { RoundRecord, ScenarioResult } from '../results/result_file.ts';
import type { Scenario, Subject } from '../scenario/scenario.ts';
import { type CriterionVerdict, judge, whyNotAnswered, worst } from '../verdict/verdict.ts';
import { roundOrder } from './round_order.ts';
import { type RoundPlan, roundsOf, runnableSubjects } from './round_plan.ts';
import { RoundFailedError, runRound } from './round_runner.ts';

export interface ScenarioRun extends RoundPlan {
  readonly seed: number;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly counter: ServerCounter | undefined;
  readonly signal: AbortSignal;
  onRound?(event: RoundEvent): void;
}

export interface RoundEvent {
  readonly scenario: string;
  readonly subject: string;
  readonly round: number;
  /** Rounds done and to do, over all subjects of the scenario. */
  readonly done: number;
  readonly total: number;
  readonly record: RoundRecord;
}

/** A setup makes tables; one that takes longer than this never ends. */
const SETUP_LIMIT_MS = 60_000;

/**
 * How long a round may wait for other programs to finish, and all rounds of a scenario together: a neighbour that is busy
 * for minutes is not waited out, and each round says that it was there.
 */
const PATIENCE_MS = 3000;
const PATIENCE_OF_ALL_MS = 9000;

/** Runs a scenario's rounds and holds its criteria against them. Rejects only when aborted. */
export async function runScenario(run: ScenarioRun): Promise<ScenarioResult> {
  const { scenario, params, signal } = run;
  const begun = performance.now();
  const records = new Map<string, RoundRecord[]>(scenario.subjects.map(({ name }) => [name, []]));
  const notBuilt = new Map(
    scenario.subjects.flatMap((subject) =>
      subject.notBuilt === undefined ? [] : [[subject.name, subject.notBuilt] as const],
    ),
  );
  const order = roundOrder(runnableSubjects(run), run.rounds).filter(
    ({ round, subject }) => round < roundsOf(run, subject.name),
  );
  let failure: string | undefined;
  let patienceMs = PATIENCE_OF_ALL_MS;

  try {
    if (order.length > 0) await setUp(scenario, run);
    for (const [position, { round, subject }] of order.entries()) {
      const waitingFrom = performance.now();
      const noisy = await waitForQuiet(Math.min(PATIENCE_MS, patienceMs), signal);
      // A look takes its time on a quiet host as well.
      patienceMs -= Math.max(0, performance.now() - waitingFrom - LOOK_MS);
      const record = await oneRound(run, subject, round, position, noisy);
      records.get(subject.name)?.push(record);
      run.onRound?.({
        scenario: scenario.id,
        subject: subject.name,
        round,
        done: position + 1,
        total: order.length,
        record,
      });
    }
  } catch (error) {
    signal.throwIfAborted();
    failure =
      error instanceof RoundFailedError ? error.message : String((error as Error)?.stack ?? error);
  }

  const criteria = scenario.criteria.map((criterion): CriterionVerdict => {
    const missing = notBuilt.get(criterion.subject) ?? notBuilt.get(criterion.peer ?? '');
    if (missing !== undefined)
      return { criterion, verdict: 'not-built', reason: missing, samples: 0 };
    const why = whyNotAnswered(criterion.metric, params);
    if (why !== undefined) return { criterion, verdict: 'inconclusive', reason: why, samples: 0 };
    return judge(criterion, records, disturbance(records));
  });
  return {
    id: scenario.id,
    name: scenario.name,
    question: scenario.question,
    target: scenario.target,
    params,
    subjects: scenario.subjects.map(({ name, settings }) => {
      const missing = notBuilt.get(name);
      const rounds = records.get(name) ?? [];
      return { name, settings, rounds, ...(missing === undefined ? {} : { notBuilt: missing }) };
    }),
    verdict: failure === undefined ? worst(criteria) : 'fail',
    criteria,
    ...(failure === undefined ? {} : { failure }),
    tookMs: performance.now() - begun,
  };
}

async function setUp({ setup }: Scenario, run: ScenarioRun): Promise<void> {
  if (setup === undefined) return;
  const over = AbortSignal.any([run.signal, AbortSignal.timeout(SETUP_LIMIT_MS)]);
  await new Promise<void>((resolve, reject) => {
    over.addEventListener('abort', () =>
      reject(new Error(`its setup did not end within ${SETUP_LIMIT_MS / 1000} s`)),
    );
    setup(run).then(resolve, reject);
  });
}

async function oneRound(
  run: ScenarioRun,
  subject: Subject,
  round: number,
  position: number,
  noisy: string | undefined,
): Promise<RoundRecord> {
  const { redisUrl, params } = run;
  // Of this round alone: backends of the one before may still be going.
  const name = `fynlo-bench-${process.pid}-${run.scenario.id}-${position}`;
  const databaseUrl = withApplicationName(run.databaseUrl, name);
  const from = cpuTicks();
  const context = { databaseUrl, redisUrl, params, seed: run.seed + round };
  const { outcome, counts } = await counted(run.counter, name, () =>
    runRound(run.scenario, subject, context, run.signal),
  );
  const disturbed = noisy ?? stolenTime(from, cpuTicks());
  refuseUnmeasured(run, subject.name, outcome.metrics);
  const metrics =
    counts === undefined
      ? outcome.metrics
      : {
          ...outcome.metrics,
          serverConnectionsPeak: counts.peak,
          serverOthersPeak: counts.others,
        };
  return {
    round,
    position,
    metrics,
    ...(outcome.histogram === undefined ? {} : { histogram: outcome.histogram }),
    ...(outcome.openHistogram === undefined ? {} : { openHistogram: outcome.openHistogram }),
    ...(outcome.details === undefined ? {} : { details: outcome.details }),
    ...(disturbed === undefined ? {} : { disturbed }),
  };
}

/** A subject that reports nothing for what a criterion is about has not done well, nor is it merely hard to say. */
function refuseUnmeasured(
  { scenario: { id, criteria }, params }: ScenarioRun,
  subject: string,
  metrics: Metrics,
): void {
  for (const { metric, subject: ours, peer } of criteria) {
    if ((ours !== subject && peer !== subject) || metric.startsWith('server')) continue;
    if (whyNotAnswered(metric, params) !== undefined) continue;
    const value = metrics[metric];
    if (value === undefined || !Number.isFinite(value)) {
      throw new RoundFailedError(id, subject, `it reported ${value} as ${metric}`);
    }
  }
}

/** A scenario is disturbed when more than a third of its rounds were. */
function disturbance(records: ReadonlyMap<string, readonly RoundRecord[]>): string | undefined {
  const all = [...records.values()].flat();
  const disturbed = all.flatMap(({ disturbed }) => (disturbed === undefined ? [] : [disturbed]));
  if (disturbed.length * 3 <= all.length) return undefined;
  return `the host was busy in ${disturbed.length} of ${all.length} rounds: ${disturbed[0]}`;
}

/** Has the server counted while `work` runs. */
async function counted<T>(
  counter: ServerCounter | undefined,
  applicationName: string,
  work: () => Promise<T>,
): Promise<{ outcome: T; counts: ServerCounts | undefined }> {
  await counter?.start(applicationName);
  try {
    const outcome = await work();
    return { outcome, counts: await counter?.stop() };
  } catch (error) {
    await counter?.stop().catch(() => {});
    throw error;
  }
}
