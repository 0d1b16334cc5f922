import { surroundings } from '../compare/same_load.ts';
import { commitText } from '../measure/environment.ts';
import type { ResultFile } from './result_file.ts';

/**
 * How the commit and the surroundings of a row differ from those of the run that its table is of. What one of them did not look
 * at (a build outside a repository has no commit) is no difference.
 */
export function elsewhere(
  row: Pick<ResultFile, 'environment'>,
  table: Pick<ResultFile, 'environment'>,
): string[] {
  const [theirs, ours] = [facts(row), facts(table)];
  return [...theirs].flatMap(([name, value]) => {
    const now = ours.get(name);
    return now === undefined || now === value ? [] : [`${name} ${value} (the others: ${now})`];
  });
}

function facts(run: Pick<ResultFile, 'environment'>): Map<string, string> {
  const commit = commitText(run.environment);
  return new Map([
    ...(commit === undefined ? [] : [['commit', commit] as const]),
    ...surroundings(run),
  ]);
}
