import { readFile, rename, writeFile } from 'node:fs/promises';
import { UsageError } from '../cli/errors.ts';
import type { Environment } from '../measure/environment.ts';
import type { Cell } from './case_runner.ts';
import { FAULTS } from './catalog.ts';
import type { Fault, FaultCriterion, FaultProfile } from './fault.ts';
import { FAULT_SUBJECTS } from './subjects/subjects.ts';

/** Raised by one when a reader of the last form would misread the new one. */
const SCHEMA_VERSION = 1;

/** A cell, and the run it comes from: a matrix may be put together of several. */
export interface MatrixCell extends Cell {
  readonly run: number;
}

/** One call of the command. */
export interface MatrixRun {
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Interrupted: the cells that are there are whole, others are missing. */
  readonly partial: boolean;
  readonly profile: FaultProfile;
  readonly seed: number;
  /** Repeats it. */
  readonly command: string;
  readonly environment: Environment;
}

/** What `fynlo-bench faults` writes as JSON. */
export interface FaultMatrix {
  readonly kind: 'fynlo-bench-faults';
  readonly schemaVersion: number;
  readonly runs: readonly MatrixRun[];
  readonly subjects: readonly { readonly name: string; readonly settings: string }[];
  readonly faults: readonly (Pick<Fault, 'id' | 'name' | 'happens' | 'must'> & {
    readonly criteria: readonly FaultCriterion[];
  })[];
  readonly cells: readonly MatrixCell[];
}

/** The matrix of one run, with the cells of `earlier` that it has not run again. */
export function matrixOf(
  run: MatrixRun,
  cells: readonly Cell[],
  earlier: FaultMatrix | undefined,
): FaultMatrix {
  const again = new Set(cells.map(({ fault, subject }) => `${fault} ${subject}`));
  const known = new Set(FAULTS.map(({ id }) => id));
  const kept = (earlier?.cells ?? []).filter(
    ({ fault, subject }) => known.has(fault) && !again.has(`${fault} ${subject}`),
  );
  // Runs of which nothing is left are not named any more.
  const used = [...new Set(kept.map((cell) => cell.run))].sort((a, b) => a - b);
  const runs = [...used.flatMap((index) => earlier?.runs[index] ?? []), run];
  const all = [
    ...kept.map((cell) => ({ ...cell, run: used.indexOf(cell.run) })),
    ...cells.map((cell) => ({ ...cell, run: runs.length - 1 })),
  ];
  const position = (cell: Cell): number =>
    FAULTS.findIndex(({ id }) => id === cell.fault) * FAULT_SUBJECTS.length +
    FAULT_SUBJECTS.findIndex(({ name }) => name === cell.subject);
  all.sort((a, b) => position(a) - position(b));
  return {
    kind: 'fynlo-bench-faults',
    schemaVersion: SCHEMA_VERSION,
    runs,
    subjects: FAULT_SUBJECTS.filter(({ name }) => all.some(({ subject }) => subject === name)).map(
      ({ name, settings }) => ({ name, settings }),
    ),
    faults: FAULTS.filter(({ id }) => all.some(({ fault }) => fault === id)).map(
      ({ id, name, happens, must, criteria }) => ({ id, name, happens, must, criteria }),
    ),
    cells: all,
  };
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, text);
  await rename(draft, path);
}

/** @returns undefined when there is none @throws UsageError when it is something else */
export async function readMatrix(path: string): Promise<FaultMatrix | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new UsageError(`Cannot read ${path}: ${code ?? message}`, { cause });
  }
  let value: Partial<FaultMatrix>;
  try {
    value = JSON.parse(text) as Partial<FaultMatrix>;
  } catch (cause) {
    throw new UsageError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const fits = value.kind === 'fynlo-bench-faults' && value.schemaVersion === SCHEMA_VERSION;
  if (!fits || !Array.isArray(value.cells)) {
    throw new UsageError(`${path} is not a result of fynlo-bench faults of this version`);
  }
  return value as FaultMatrix;
}
