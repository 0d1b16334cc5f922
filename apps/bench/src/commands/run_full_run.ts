import { join } from 'node:path';
import {
  AdvancedConnectionPoolOptimizer,
  type OptimizationReport,
  type ProgressEvent,
  UnfitEnvironmentError,
} from '@fynlo/orchestrator';
import type { CommandContext } from '../cli/command.ts';
import { EnvironmentError, UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import type { FlagValues } from '../cli/flags.ts';
import { fullRunLines, fullRunMarkdown } from '../report/full_run_report.ts';
import { number } from '../report/number.ts';
import { appendStepSummary } from '../report/step_summary.ts';
import type { FullRunName } from '../scenario/full_run.ts';
import { FULL_RUN } from '../scenario/full_run.ts';
import { startBenchServers } from '../servers/bench_servers.ts';
import { faultControls } from '../servers/fault_controls.ts';
import { prepareOutputFolder } from '../servers/output_folder.ts';
import { Progress } from '../terminal/progress.ts';
import type { runFlags } from './run_command.ts';

/** `max_connections` of a server we start: 500 for the pool, the rest for those who watch. */
const MAX_CONNECTIONS = 600;

/** The optimisation run (all its scenarios when none is named), its files and its verdicts. */
export async function runFullRun(
  names: readonly FullRunName[],
  flags: FlagValues<typeof runFlags>,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const {
    format = 'pretty',
    profile = 'full',
    seed = Date.now() % 2 ** 31,
    out = join('reports', 'latest'),
  } = flags;
  if (format !== 'pretty' && format !== 'json' && format !== 'markdown') {
    throw new UsageError(
      `--format ${format} is for target scenarios; the full run prints pretty, json or markdown`,
    );
  }
  await prepareOutputFolder(out);
  const progress = new Progress(terminal, flags.quiet === true);
  progress.update('servers', 'starting PostgreSQL and Redis');

  await using servers = await startBenchServers({
    maxConnections: MAX_CONNECTIONS,
    note: (line) => progress.note(line),
  });
  signal.throwIfAborted();
  await using controls = await faultControls(servers);
  const { postgres, redis } = servers;
  await using optimizer = new AdvancedConnectionPoolOptimizer({
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    outDir: out,
    profile,
    seed,
    signal,
    ...(names.length === 0 ? {} : { scenarios: names }),
    ...(controls.serverControl === undefined ? {} : { serverControl: controls.serverControl }),
    ...(controls.proxyControl === undefined ? {} : { proxyControl: controls.proxyControl }),
    serverFacts: {
      postgresSource: postgres.source,
      redisSource: redis.source,
      ...(postgres.durable === undefined ? {} : { durable: postgres.durable }),
      ...(postgres.auth === undefined ? {} : { auth: postgres.auth }),
      command: ['fynlo-bench run', ...names, `--profile ${profile} --seed ${seed}`].join(' '),
    },
    onProgress: (event) => {
      // What is closed after the verdict is no news.
      if (event.phase !== 'close') {
        progress.update(phaseOf(event), detailOf(event), event.percent / 100);
      }
    },
  });
  try {
    await optimizer.initializeOptimizationFramework();
  } catch (cause) {
    progress.done();
    if (cause instanceof UnfitEnvironmentError)
      throw new EnvironmentError(cause.message, { cause });
    throw cause;
  }
  await optimizer.runComprehensiveOptimizationTest();
  const files = await optimizer.saveOptimizationResults();
  const report = optimizer.generateOptimizationReport();
  progress.done();

  const { out: stdout, err, colors } = terminal;
  if (format === 'json') stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else if (format === 'markdown') stdout.write(fullRunMarkdown(report));
  else stdout.write(`${fullRunLines(report, colors).join('\n')}\n`);
  for (const file of files.filter((path) => !path.includes('schemas')))
    err.write(`Written: ${file}\n`);
  await appendStepSummary(fullRunMarkdown(report));
  return exitCodeOf(report);
}

function exitCodeOf({ partial, criteria }: OptimizationReport): ExitCode {
  if (partial) return ExitCode.interrupted;
  return criteria.some(({ verdict }) => verdict === 'fail') ? ExitCode.threshold : ExitCode.ok;
}

function phaseOf({ scenario, phase }: ProgressEvent): string {
  return FULL_RUN.find(({ name }) => name === scenario)?.title ?? phase;
}

function detailOf({ message, pool }: ProgressEvent): string {
  if (pool === null) return message;
  const { size, leased, utilization, p95 } = pool;
  const response = p95 === null ? '' : `, p95 ${number(p95)} ms`;
  return `${message}  [pool ${size}, ${leased} leased, ${Math.round(utilization * 100)} %${response}]`;
}
