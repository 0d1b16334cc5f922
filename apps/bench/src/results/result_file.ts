import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LatencyBucket } from '@fynlo/orchestrator/measurement';
import { UsageError } from '../cli/errors.ts';
import type { Environment } from '../measure/environment.ts';
import type { Metrics } from '../measure/metric.ts';
import type { Params } from '../scenario/scenario.ts';
import type { CriterionVerdict, VerdictKind } from '../verdict/verdict.ts';

/** Raised by one when a reader of the last form would misread the new one. */
export const SCHEMA_VERSION = 1;

/** One round as it ran; every one is kept. */
export interface RoundRecord {
  readonly round: number;
  /** Position within the whole scenario, since the order matters on a machine that drifts. */
  readonly position: number;
  readonly metrics: Metrics;
  readonly histogram?: readonly LatencyBucket[];
  readonly openHistogram?: readonly LatencyBucket[];
  readonly details?: Readonly<Record<string, unknown>>;
  /** Why the host may have spoilt it. */
  readonly disturbed?: string;
}

export interface SubjectResult {
  readonly name: string;
  readonly settings: string;
  readonly notBuilt?: string;
  readonly rounds: readonly RoundRecord[];
}

export interface ScenarioResult {
  readonly id: string;
  readonly name: string;
  readonly question: string;
  readonly target: string;
  readonly params: Params;
  readonly subjects: readonly SubjectResult[];
  readonly verdict: VerdictKind;
  readonly criteria: readonly CriterionVerdict[];
  /** A round that failed: the scenario has no verdict to trust, and the run no exit code 0. */
  readonly failure?: string;
  readonly tookMs: number;
  /** In a file of several runs: how the place it was measured in, or its commit, is another than that of the last run. */
  readonly elsewhere?: readonly string[];
}

/** What a run was asked for all its rows, by the name of the flag: rows of one table have it in common. */
export type Asked = Readonly<Record<string, string>>;

/** What `fynlo-bench run` writes with `--format json`, and what `compare` and `report` read. */
export interface ResultFile {
  readonly kind: 'fynlo-bench';
  readonly schemaVersion: number;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Some rows are pending: interrupted, or still running. The scenarios that are there are whole. */
  readonly partial: boolean;
  /** Rows that were asked for and are not measured. */
  readonly pending: readonly PendingRow[];
  readonly seed: number;
  /** Absent in files of before. */
  readonly asked?: Asked;
  /** Repeats this run. */
  readonly command: string;
  readonly environment: Environment;
  readonly scenarios: readonly ScenarioResult[];
  /** The runs that measured some of the scenarios before this one did the others, oldest first. */
  readonly earlier?: readonly EarlierRun[];
}

export type PendingRow = Pick<ScenarioResult, 'id' | 'name' | 'target'>;

/** A run whose scenarios stand in the file of a later one. */
export interface EarlierRun
  extends Pick<
    ResultFile,
    'startedAt' | 'finishedAt' | 'seed' | 'asked' | 'command' | 'environment'
  > {
  /** Ids of the scenarios it measured. */
  readonly rows: readonly string[];
}

/** Writes it whole or not at all. */
export async function writeResultFile(path: string, result: ResultFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, `${JSON.stringify(result, undefined, 2)}\n`);
  await rename(draft, path);
}

/** @throws UsageError when the file cannot be read, is not JSON, or is not a result of this form. */
export async function readResultFile(path: string): Promise<ResultFile> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`Cannot read ${path}: ${cause.code ?? cause.message}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const { kind, schemaVersion, scenarios } = (value ?? {}) as Partial<ResultFile>;
  if (kind !== 'fynlo-bench' || !Array.isArray(scenarios)) {
    throw new UsageError(`${path} is not a result of fynlo-bench run --format json`);
  }
  if (schemaVersion !== SCHEMA_VERSION) {
    throw new UsageError(
      `${path} has form ${schemaVersion}, and this version reads form ${SCHEMA_VERSION}: run it again`,
    );
  }
  return value as ResultFile;
}
