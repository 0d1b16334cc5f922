import { dirname, join } from 'node:path';
import type { CommandContext } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import type { FlagValues } from '../cli/flags.ts';
import { changeHtml } from '../compare/change_html.ts';
import { changeMarkdown } from '../compare/change_table.ts';
import { readEnvironment } from '../measure/environment.ts';
import { ServerCounter } from '../measure/server_counts.ts';
import { renderResult } from '../report/formats.ts';
import { htmlReport } from '../report/html.ts';
import { markdownReport } from '../report/markdown.ts';
import { number } from '../report/number.ts';
import { environmentLines, prettyScenario } from '../report/pretty.ts';
import { appendStepSummary } from '../report/step_summary.ts';
import { wrap } from '../report/table.ts';
import { verdictLines } from '../report/verdict_lines.ts';
import { writePage } from '../report/write_page.ts';
import {
  baselineNotes,
  compareWithBaseline,
  readBaseline,
  readCommittedBaseline,
  writeBaseline,
} from '../results/baseline.ts';
import { mergeResults } from '../results/merge_results.ts';
import {
  type ResultFile,
  readResultFile,
  SCHEMA_VERSION,
  type ScenarioResult,
  writeResultFile,
} from '../results/result_file.ts';
import { aboutMinutes, expectedMs, planRounds, type RoundPlan } from '../rounds/round_plan.ts';
import { runScenario } from '../rounds/run_scenario.ts';
import { SCENARIO_IDS, scenarioById } from '../scenario/catalog.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { type BenchServers, startBenchServers } from '../servers/bench_servers.ts';
import { prepareOutputFolder } from '../servers/output_folder.ts';
import { Progress } from '../terminal/progress.ts';
import { parseThreshold, refuseUnanswered } from '../verdict/threshold.ts';
import { chosenSubjects, paramsFor } from './load_flags.ts';
import { askedOf, refuseOtherwiseAsked } from './resume.ts';
import type { runFlags } from './run_command.ts';
import { targetExitCode } from './target_exit_code.ts';

type Flags = FlagValues<typeof runFlags>;

/** Packages whose versions a result depends on. */
const PACKAGES = [
  'pg',
  'postgres',
  'knex',
  'generic-pool',
  'lightning-pool',
  'ioredis',
  'redis',
  'bentocache',
  'cacheable',
  'async-cache-dedupe',
];

const AGAINST_BASELINE = 'Against the baseline';

/** `max_connections` of a server we start: the largest scenario opens 500. */
const MAX_CONNECTIONS = 600;

/** Parts of a scenario's own times. */
const SCALES = { quick: 0.3, ci: 0.6, full: 1 } as const;

/** Runs target scenarios one after the other and answers with the exit code their verdicts ask for. */
export async function runTargets(
  ids: readonly string[],
  flags: Flags,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const asked = ids.flatMap((id) => scenarioById(id) ?? []);
  const thresholds = (flags.threshold ?? []).map((text) => parseThreshold(text, asked));
  const failOn = parseFailOn(flags['fail-on']);
  const chosen = chosenSubjects(flags, asked);
  const plan = asked.map((scenario): RoundPlan => {
    const only =
      chosen.length === 0 && flags.profile === 'quick' ? judgedSubjects(scenario) : chosen;
    const params = paramsFor(scenario, flags, SCALES[flags.profile ?? 'full']);
    return planRounds(
      { scenario, only, params },
      { ...flags, wholeTable: asked.length === SCENARIO_IDS.length },
    );
  });
  refuseUnanswered(thresholds, plan);
  const askedForAll = askedOf(flags);
  const kept = flags.resume === undefined ? undefined : await readResultFile(flags.resume);
  if (kept !== undefined && flags.resume !== undefined)
    refuseOtherwiseAsked(flags.resume, { kept, asked: askedForAll, plan });
  // After all that may be wrong with the flags: an error is then the only line.
  const baseline = await baselineFor(flags.baseline, (line) => terminal.err.write(`${line}\n`));
  const measured = new Set(
    kept?.scenarios.flatMap(({ id, failure }) => (failure === undefined ? [id] : [])),
  );
  const skipped = skippedRows(flags.skip ?? [], asked);
  const left = plan.filter(({ scenario }) => !measured.has(scenario.id));
  const todo = left.filter(({ scenario }) => !skipped.has(scenario.id));
  const file = resultFileFor(flags.out ?? flags.resume);
  await prepareOutputFolder(dirname(file));

  const progress = new Progress(terminal, flags.quiet === true);
  progress.update('servers', 'starting PostgreSQL and Redis');
  const startedAt = new Date().toISOString();
  const seed = flags.seed ?? 1;
  const pretty = (flags.format ?? 'pretty') === 'pretty';
  const { out: stdout, err, colors } = terminal;
  const done: ScenarioResult[] = [];
  let environment = readEnvironment(PACKAGES);

  const resultSoFar = (): ResultFile => {
    const isDone = new Set(done.map(({ id }) => id));
    const pending = left.flatMap(({ scenario: { id, name, target } }) =>
      isDone.has(id) ? [] : [{ id, name, target }],
    );
    const result: ResultFile = {
      kind: 'fynlo-bench',
      schemaVersion: SCHEMA_VERSION,
      startedAt,
      finishedAt: new Date().toISOString(),
      partial: pending.length > 0,
      pending,
      seed,
      asked: askedForAll,
      command: repeatCommand(ids, flags, seed),
      environment,
      scenarios: done,
    };
    return mergeResults(kept === undefined ? [result] : [kept, result], SCENARIO_IDS);
  };

  async function measure(servers: BenchServers): Promise<void> {
    for (const [index, plan] of todo.entries()) {
      const { scenario } = plan;
      const before = expectedOf(todo.slice(0, index));
      const result = await runScenario({
        ...plan,
        seed,
        databaseUrl: servers.postgres.url,
        redisUrl: servers.redis.url,
        counter: counterFor(scenario, servers),
        signal,
        onRound: ({ subject, round, done: rounds, total: allRounds, record }) => {
          const { opsPerSecond, totalMs } = record.metrics;
          const shown =
            opsPerSecond === undefined
              ? totalMs === undefined
                ? 'done'
                : `${number(totalMs)} ms`
              : `${number(opsPerSecond)}/s`;
          progress.update(
            `${scenario.id} ${scenario.name}`,
            `round ${round + 1} of ${subject}: ${shown}`,
            (before + (expectedMs(plan) * rounds) / allRounds) / expected,
          );
        },
      });
      done.push(result);
      // Row by row: whatever ends this process, the rows that are measured can be resumed from.
      await writeResultFile(file, resultSoFar());
      if (pretty) {
        progress.done();
        stdout.write(`${prettyScenario(result, terminal).join('\n')}\n`);
      }
    }
  }

  const expected = expectedOf(todo);
  progress.note(`${todo.length} ${todo.length === 1 ? 'row' : 'rows'}, ${aboutMinutes(expected)}`);
  if (todo.length > 0) {
    await using servers = await startBenchServers({
      maxConnections: MAX_CONNECTIONS,
      note: (line) => progress.note(line),
    });
    signal.throwIfAborted();
    environment = {
      ...environment,
      postgres: servers.postgresEnvironment,
      redis: servers.redisEnvironment,
    };
    // Whatever ends this process from here on, what it leaves says that it is partial.
    await writeResultFile(file, resultSoFar());
    try {
      await measure(servers);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      progress.done();
    }
  }

  const result = resultSoFar();
  await writeResultFile(file, result);
  const newBaseline = flags['write-baseline'];
  if (newBaseline !== undefined) {
    if (result.partial) err.write(`${newBaseline} is not written: the result is partial\n`);
    else await writeBaseline(newBaseline, result);
  }
  const changes = baseline === undefined ? [] : compareWithBaseline(baseline, result);
  const notes = baseline === undefined ? [] : baselineNotes(baseline, result);
  for (const line of notes) err.write(`${line}\n`);
  const against =
    changes.length === 0 ? [] : [`<h2>${AGAINST_BASELINE}</h2>`, ...changeHtml({ changes, notes })];
  if (flags.html === true) await writePage(htmlFileFor(file), htmlReport(result, against));
  await appendStepSummary(markdownReport(result));
  if (changes.length > 0)
    await appendStepSummary(
      [`## ${AGAINST_BASELINE}`, ...notes, changeMarkdown(changes)].join('\n\n'),
    );

  if (pretty) {
    stdout.write(`${verdictLines(result, terminal).join('\n')}\n\n`);
    const lines = environmentLines(result).flatMap((line) => wrap(line, terminal.columns));
    stdout.write(`${lines.map(colors.dim).join('\n')}\n`);
  } else stdout.write(`${renderResult(result, flags.format ?? 'json', terminal)}\n`);
  err.write(`Written: ${file}\n`);
  // A table that an earlier run left incomplete is partial without this one having been interrupted.
  if (signal.aborted && done.length < todo.length) return ExitCode.interrupted;
  return targetExitCode(result, { thresholds, changes, failOn }, terminal);
}

function expectedOf(plans: readonly RoundPlan[]): number {
  return plans.reduce((sum, plan) => sum + expectedMs(plan), 0);
}

/** Rows that are asked for, but left for another time: they stand in the result as not measured. */
function skippedRows(lists: readonly string[], asked: readonly Scenario[]): ReadonlySet<string> {
  const names = lists.flatMap((list) => list.split(',').map((name) => name.trim()));
  return new Set(
    names.map((name) => {
      const scenario = asked.find((one) => one.id === name || one.name === name);
      if (scenario !== undefined) return scenario.id;
      const ids = asked.map(({ id }) => id).join(' ');
      throw new UsageError(`--skip ${name}: it is not among those to run (${ids})`);
    }),
  );
}

/** The server's own counts, where a scenario uses that server. */
function counterFor({ needs }: Scenario, { postgres }: BenchServers): ServerCounter | undefined {
  return needs.includes('postgres') ? new ServerCounter(postgres.url) : undefined;
}

function resultFileFor(out = join('reports', 'bench')): string {
  return out.endsWith('.json') ? out : join(out, 'latest.json');
}

function htmlFileFor(resultFile: string): string {
  return resultFile.replace(/\.json$/, '.html');
}

/** Those that a target is about: what the quick profile has time for. */
function judgedSubjects({ criteria }: Scenario): string[] {
  return criteria.flatMap(({ subject, peer }) => [subject, ...(peer === undefined ? [] : [peer])]);
}

function baselineFor(
  flag: string | undefined,
  note: (line: string) => void,
): ReturnType<typeof readCommittedBaseline> {
  if (flag === undefined) return readCommittedBaseline(note);
  return flag === 'none' ? Promise.resolve(undefined) : readBaseline(flag);
}

function parseFailOn(list: string | undefined): ReadonlySet<string> {
  const wanted = (list ?? 'threshold,regression').split(',').map((word) => word.trim());
  for (const word of wanted) {
    if (word !== 'threshold' && word !== 'regression') {
      throw new UsageError(
        `--fail-on wants threshold, regression, or both with a comma, got "${list}"`,
      );
    }
  }
  return new Set(wanted);
}

/** Flags that say where results go, not what is measured. */
const NOT_REPEATED = ['out', 'format', 'quiet', 'html', 'baseline', 'write-baseline', 'resume'];

function repeatCommand(ids: readonly string[], flags: Flags, seed: number): string {
  const names = ids.length === SCENARIO_IDS.length ? ['targets'] : ids;
  const given = Object.entries({ ...flags, seed }).flatMap(([name, value]) =>
    NOT_REPEATED.includes(name)
      ? []
      : (Array.isArray(value) ? value : [value]).map((one) =>
          one === true ? `--${name}` : `--${name} ${quote(String(one))}`,
        ),
  );
  return ['fynlo-bench run', ...names, ...given].join(' ');
}

function quote(text: string): string {
  return /^[\w.,/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
