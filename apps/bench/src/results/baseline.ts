import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from '../cli/errors.ts';
import { comparableSamples, type SampledCriterion } from '../compare/samples.ts';
import type { ResultFile } from './result_file.ts';

/**
 * What is committed to compare later runs with: ratios to a peer of the same run, round by round. Absolute times would
 * say more about the machine than about the code, so criteria without a peer are left out.
 */
export interface Baseline {
  readonly kind: 'fynlo-bench-baseline';
  readonly schemaVersion: number;
  readonly startedAt: string;
  readonly commit?: string;
  readonly machine: string;
  readonly ratios: readonly SampledCriterion[];
}

const SCHEMA_VERSION = 1;

function baselineOf(result: ResultFile): Baseline {
  const { node, cpu, cores, commit } = result.environment;
  return {
    kind: 'fynlo-bench-baseline',
    schemaVersion: SCHEMA_VERSION,
    startedAt: result.startedAt,
    ...(commit === undefined ? {} : { commit }),
    machine: `Node ${node}, ${cpu}, ${cores} cores`,
    ratios: comparableSamples(result).filter(({ peer }) => peer !== undefined),
  };
}

export async function writeBaseline(path: string, result: ResultFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(baselineOf(result), undefined, 2)}\n`);
}

/** @throws UsageError when it cannot be read or is something else */
export async function readBaseline(path: string): Promise<Baseline> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`Cannot read ${path}: ${cause.code ?? cause.message}`, { cause });
  });
  let value: Partial<Baseline>;
  try {
    value = JSON.parse(text) as Partial<Baseline>;
  } catch (cause) {
    throw new UsageError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const fits = value.kind === 'fynlo-bench-baseline' && value.schemaVersion === SCHEMA_VERSION;
  if (!fits || !Array.isArray(value.ratios)) {
    throw new UsageError(`${path} is not a baseline of fynlo-bench run --write-baseline`);
  }
  return value as Baseline;
}
