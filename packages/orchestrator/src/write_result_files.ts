import { join } from 'node:path';
import { toSnakeCase } from './_snake_case.ts';
import { writeAtomically } from './_write_atomically.ts';
import type { MetricsHistoryReport } from './history_recorder.ts';
import { HISTORY_SCHEMA } from './history_schema.ts';
import { renderHtmlReport } from './html_report.ts';
import type { OptimizationReport } from './optimization_report.ts';
import type { OptimizationRun } from './optimization_run.ts';
import { REPORT_SCHEMA } from './report_schema.ts';
import { RESULTS_SCHEMA } from './results_schema.ts';

/** Everything the files are made of. */
export interface ResultContents {
  readonly run: OptimizationRun;
  readonly report: OptimizationReport;
  readonly history: MetricsHistoryReport;
}

/** Raised when a field changes its meaning or goes away; new fields do not raise it. */
export const SCHEMA_VERSION = 1;

const FILES = [
  ['connection_pool_optimization_results', RESULTS_SCHEMA, (c: ResultContents) => c.run],
  ['connection_pool_optimization_report', REPORT_SCHEMA, (c: ResultContents) => c.report],
  ['connection_pool_metrics_history', HISTORY_SCHEMA, (c: ResultContents) => c.history],
] as const;

/**
 * Writes the three JSON files with their schemas beside them (each names its own by a relative `$schema`, so it can be
 * checked without a network), and the HTML report.
 *
 * @returns the paths written
 */
export async function writeResultFiles(dir: string, contents: ResultContents): Promise<string[]> {
  const written: string[] = [];
  const write = async (path: string, text: string): Promise<void> => {
    await writeAtomically(join(dir, path), text);
    written.push(join(dir, path));
  };
  for (const [name, schema, part] of FILES) {
    await write(`${name}.json`, resultJson(name, part(contents)));
    await write(`schemas/${name}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`);
  }
  await write('report.html', renderHtmlReport(contents));
  return written;
}

function resultJson(name: string, part: object): string {
  const json = {
    $schema: `./schemas/${name}.schema.json`,
    schema_version: SCHEMA_VERSION,
    ...(toSnakeCase(part) as object),
  };
  return `${JSON.stringify(json, null, 1)}\n`;
}
