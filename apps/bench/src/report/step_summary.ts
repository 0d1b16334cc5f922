import { appendFile } from 'node:fs/promises';

/** GitHub shows what is appended to this file on the page of the run. */
export async function appendStepSummary(markdown: string): Promise<void> {
  const file = process.env['GITHUB_STEP_SUMMARY'];
  if (file) await appendFile(file, `${markdown}\n`);
}
