import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { CommandContext } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import type { FlagValues } from '../cli/flags.ts';
import { unknownName } from '../cli/suggest.ts';
import { changeLines } from '../compare/change_table.ts';
import { compareSamples, hasRegression } from '../compare/compare.ts';
import { comparableSamples } from '../compare/samples.ts';
import { readEnvironment } from '../measure/environment.ts';
import { ServerCounter } from '../measure/server_counts.ts';
import { renderResult } from '../report/formats.ts';
import { htmlReport } from '../report/html.ts';
import { markdownReport } from '../report/markdown.ts';
import { number } from '../report/number.ts';
import { environmentLines, prettyScenario, prettyVerdicts } from '../report/pretty.ts';
import { appendStepSummary } from '../report/step_summary.ts';
import { readBaseline, writeBaseline } from '../results/baseline.ts';
import {
  type ResultFile,
  SCHEMA_VERSION,
  type ScenarioResult,
  writeResultFile,
} from '../results/result_file.ts';
import { runScenario } from '../rounds/run_scenario.ts';
import { SCENARIOS, scenarioById } from '../scenario/catalog.ts';
import type { Params, Scenario } from '../scenario/scenario.ts';
import { startBenchServers } from '../servers/bench_servers.ts';
import { prepareOutputFolder } from '../servers/output_folder.ts';
import { Progress } from '../terminal/progress.ts';
import { parseThreshold, type Threshold } from '../verdict/threshold.ts';
import { judge } from '../verdict/verdict.ts';
import type { runFlags } from './run_command.ts';

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

/** `max_connections` of a server we start: the largest scenario opens 500. */
const MAX_CONNECTIONS = 600;

/** Runs target scenarios one after the other and answers with the exit code their verdicts ask for. */
export async function runTargets(
  ids: readonly string[],
  flags: Flags,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const scenarios = ids.flatMap((id) => scenarioById(id) ?? []);
  const thresholds = (flags.threshold ?? []).map((text) => parseThreshold(text, scenarios));
  checkSubjects(flags.pool ?? [], scenarios);
  const failOn = parseFailOn(flags['fail-on']);
  const baseline = flags.baseline === undefined ? undefined : await readBaseline(flags.baseline);
  const out = flags.out ?? 'reports/bench';
  await prepareOutputFolder(out);

  const progress = new Progress(terminal, flags.quiet === true);
  progress.update('servers', 'starting PostgreSQL and Redis');
  const startedAt = new Date().toISOString();
  const seed = flags.seed ?? 1;
  const results: ScenarioResult[] = [];
  const pretty = (flags.format ?? 'pretty') === 'pretty';
  let environment = readEnvironment(PACKAGES);

  {
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
    const { url } = servers.postgres;
    const client = new pg.Client({
      connectionString: url,
      application_name: 'fynlo-bench counter',
    });
    client.on('error', () => {});
    await client.connect();
    try {
      for (const [index, scenario] of scenarios.entries()) {
        const result = await runScenario({
          scenario,
          params: paramsFor(scenario, flags),
          rounds: roundsFor(scenario, flags),
          only: flags.pool ?? [],
          seed,
          databaseUrl: url,
          redisUrl: servers.redis.url,
          counter: scenario.needs.includes('postgres') ? new ServerCounter(client) : undefined,
          signal,
          onRound: ({ subject, round, done, total, record }) => {
            const { opsPerSecond, totalMs } = record.metrics;
            const shown =
              opsPerSecond === undefined ? `${number(totalMs)} ms` : `${number(opsPerSecond)}/s`;
            progress.update(
              `${scenario.id} ${scenario.name}`,
              `round ${round + 1} of ${subject}: ${shown}`,
              (index + done / total) / scenarios.length,
            );
          },
        });
        results.push(result);
        if (pretty) {
          progress.done();
          terminal.out.write(`${prettyScenario(result, terminal.colors).join('\n')}\n`);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      progress.done();
      await client.end().catch(() => {});
    }
  }

  const result: ResultFile = {
    kind: 'fynlo-bench',
    schemaVersion: SCHEMA_VERSION,
    startedAt,
    finishedAt: new Date().toISOString(),
    partial: signal.aborted,
    seed,
    command: repeatCommand(ids, flags, seed),
    environment,
    scenarios: results,
  };
  const file = join(out, 'latest.json');
  await writeResultFile(file, result);
  const newBaseline = flags['write-baseline'];
  if (newBaseline !== undefined && !signal.aborted) await writeBaseline(newBaseline, result);
  if (flags.html === true) await writeFile(join(out, 'latest.html'), htmlReport(result));
  await appendStepSummary(markdownReport(result));

  const { out: stdout, err, colors } = terminal;
  if (pretty) {
    stdout.write(`${prettyVerdicts(result, colors).join('\n')}\n\n`);
    stdout.write(`${environmentLines(result).map(colors.dim).join('\n')}\n`);
  } else stdout.write(`${renderResult(result, flags.format ?? 'json', colors)}\n`);
  err.write(`Written: ${file}\n`);

  if (signal.aborted) return ExitCode.interrupted;
  const broken = results.filter(({ failure }) => failure !== undefined);
  for (const { id, failure } of broken)
    err.write(`${colors.red(`${id} broke:`)} ${failure?.split('\n')[0]}\n`);
  if (broken.length > 0) return ExitCode.crash;
  const missed = missedThresholds(thresholds, results);
  for (const line of missed) err.write(`${colors.red('Threshold missed:')} ${line}\n`);
  if (baseline !== undefined) {
    const changes = compareSamples(baseline.ratios, comparableSamples(result));
    err.write(`${changeLines(changes, colors).join('\n')}\n`);
    if (failOn.has('regression') && hasRegression(changes)) return ExitCode.regression;
  }
  // A target that cannot be measured yet is not met.
  const failed = results.some(({ verdict }) => verdict === 'fail' || verdict === 'not-built');
  return failOn.has('threshold') && (failed || missed.length > 0)
    ? ExitCode.threshold
    : ExitCode.ok;
}

function paramsFor(scenario: Scenario, flags: Flags): Params {
  const scale = { quick: 0.3, ci: 0.6, full: 1 }[flags.profile ?? 'full'];
  const { ratePerSecond: ownRate, ...own } = scenario.params;
  const rate = flags.closed === true ? undefined : (flags.rate ?? ownRate);
  return {
    callers: flags.callers ?? own.callers,
    connections: flags.connections ?? own.connections,
    warmupMs: flags.warmup === undefined ? own.warmupMs * scale : flags.warmup * 1000,
    durationMs: flags.duration === undefined ? own.durationMs * scale : flags.duration * 1000,
    ...(rate === undefined ? {} : { ratePerSecond: rate }),
  };
}

/** A verdict wants five rounds; the quick profile only looks whether a scenario still runs. */
function roundsFor(scenario: Scenario, flags: Flags): number {
  if (flags.rounds !== undefined) return flags.rounds;
  return flags.profile === 'quick' ? Math.min(scenario.rounds, 3) : scenario.rounds;
}

function checkSubjects(pools: readonly string[], scenarios: readonly Scenario[]): void {
  const known = [...new Set(scenarios.flatMap(({ subjects }) => subjects.map(({ name }) => name)))];
  for (const name of pools) {
    if (!known.includes(name)) throw new UsageError(unknownName('subject', name, known));
  }
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

function repeatCommand(ids: readonly string[], flags: Flags, seed: number): string {
  const names = ids.length === SCENARIOS.length ? ['targets'] : ids;
  const given = Object.entries({ ...flags, seed }).flatMap(([name, value]) =>
    ['out', 'format', 'quiet', 'html', 'baseline', 'write-baseline'].includes(name)
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
