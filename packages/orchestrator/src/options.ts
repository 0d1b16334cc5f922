import type { ProxyControl, ServerControl, ServerFacts } from './capabilities.ts';
import { InvalidOptionError } from './errors.ts';
import type { ProfileName } from './profile.ts';
import type { ProgressEvent } from './progress.ts';
import { SCENARIOS, type ScenarioName } from './scenario.ts';

/** Options of {@link AdvancedConnectionPoolOptimizer}. */
export interface AdvancedConnectionPoolOptimizerOptions {
  /** `postgres://…`: a server the run may open hundreds of connections on. Works in a schema of its own. */
  readonly databaseUrl: string;
  /** `redis://…`. Works under a key prefix of its own. */
  readonly redisUrl: string;
  /**
   * Where `saveOptimizationResults()` writes. Checked for writing by `initializeOptimizationFramework()`.
   * @default 'optimization-results' in the working directory
   */
  readonly outDir?: string;
  /** @default 'full' */
  readonly profile?: ProfileName;
  /** Makes the workload (arrivals, keys, think times) repeatable; the results print it. @default from the clock */
  readonly seed?: number;
  /** Aborting ends the run at once; what was measured so far is kept and marked `partial`. */
  readonly signal?: AbortSignal;
  /** Several times a second. What it throws is ignored. */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Without it the server is not killed, and recovery after a restart is skipped. */
  readonly serverControl?: ServerControl;
  /** Without it recovery from silently cut connections is skipped. */
  readonly proxyControl?: ProxyControl;
  /** Which scenarios `runComprehensiveOptimizationTest()` runs. @default all */
  readonly scenarios?: readonly ScenarioName[];
  /** What the caller knows of the servers, for the environment block. @default {} */
  readonly serverFacts?: ServerFacts;
  /** How often pool and resources are sampled for the history, ms, 50..10 000. @default 250 */
  readonly sampleIntervalMs?: number;
  /** Rows kept per history; more are thinned out evenly. 100..100 000. @default 4000 */
  readonly historyLimit?: number;
}

export interface ResolvedOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly outDir: string;
  /** Whether the caller named the directory: only then is it checked before the run. */
  readonly outDirGiven: boolean;
  readonly profile: ProfileName;
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((event: ProgressEvent) => void) | undefined;
  readonly serverControl: ServerControl | undefined;
  readonly proxyControl: ProxyControl | undefined;
  readonly scenarios: readonly ScenarioName[];
  readonly serverFacts: ServerFacts;
  readonly sampleIntervalMs: number;
  readonly historyLimit: number;
}

const KNOWN: ReadonlySet<string> = new Set<keyof AdvancedConnectionPoolOptimizerOptions>([
  'databaseUrl',
  'redisUrl',
  'outDir',
  'profile',
  'seed',
  'signal',
  'onProgress',
  'serverControl',
  'proxyControl',
  'scenarios',
  'serverFacts',
  'sampleIntervalMs',
  'historyLimit',
]);

/** @throws InvalidOptionError for an unknown name or a value out of range */
export function resolveOptions(
  options: AdvancedConnectionPoolOptimizerOptions,
  now: number,
): ResolvedOptions {
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) throw new InvalidOptionError(key, options[key as never], 'no such option');
  }
  const profile = options.profile ?? 'full';
  if (!['quick', 'ci', 'full'].includes(profile)) {
    throw new InvalidOptionError('profile', profile, "'quick', 'ci' or 'full'");
  }
  const scenarios = options.scenarios ?? SCENARIOS;
  for (const name of scenarios) {
    if (!SCENARIOS.includes(name)) {
      throw new InvalidOptionError('scenarios', name, SCENARIOS.join(', '));
    }
  }
  if (scenarios.length === 0) {
    throw new InvalidOptionError('scenarios', scenarios, 'at least one scenario');
  }
  return {
    databaseUrl: url('databaseUrl', options.databaseUrl, ['postgres:', 'postgresql:']),
    redisUrl: url('redisUrl', options.redisUrl, ['redis:', 'rediss:']),
    outDir: options.outDir ?? 'optimization-results',
    outDirGiven: options.outDir !== undefined,
    profile,
    seed: wholeNumber('seed', options.seed ?? now % 2 ** 32, 0, 2 ** 32 - 1),
    signal: options.signal,
    onProgress: options.onProgress,
    serverControl: options.serverControl,
    proxyControl: options.proxyControl,
    // In their own order, whatever the caller's: the one that kills the server has to be the last.
    scenarios: SCENARIOS.filter((name) => scenarios.includes(name)),
    serverFacts: options.serverFacts ?? {},
    sampleIntervalMs: wholeNumber('sampleIntervalMs', options.sampleIntervalMs ?? 250, 50, 10_000),
    historyLimit: wholeNumber('historyLimit', options.historyLimit ?? 4000, 100, 100_000),
  };
}

function url(field: string, value: unknown, protocols: readonly string[]): string {
  const wanted = `a URL beginning with ${protocols.map((p) => `${p}//`).join(' or ')}`;
  if (typeof value !== 'string' || !URL.canParse(value)) {
    // Never the value itself: an URL may hold a password.
    throw new InvalidOptionError(
      field,
      value === undefined ? undefined : 'an unreadable URL',
      wanted,
    );
  }
  const { protocol } = new URL(value);
  if (!protocols.includes(protocol)) throw new InvalidOptionError(field, protocol, wanted);
  return value;
}

function wholeNumber(field: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new InvalidOptionError(field, value, `a whole number from ${low} to ${high}`);
  }
  return value;
}
