import type { Command } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import { choiceFlag, textFlag } from '../cli/flags.ts';
import { FORMATS, renderResult } from '../report/formats.ts';
import { htmlReport } from '../report/html.ts';
import { writePage } from '../report/write_page.ts';
import { mergeResults } from '../results/merge_results.ts';
import { readResultFile, writeResultFile } from '../results/result_file.ts';
import { SCENARIO_IDS } from '../scenario/catalog.ts';

const flags = {
  format: choiceFlag(FORMATS, 'how to print (default pretty)'),
  out: textFlag('FILE', 'also write the result: of several files, one', 'o'),
  html: textFlag('FILE', 'also write one self-contained HTML page'),
};

export const reportCommand: Command<typeof flags> = {
  name: 'report',
  summary: 'Prints a result file again, or several as one, in any format',
  positionals: 'FILE [FILE ...]',
  flags,
  examples: [
    'fynlo-bench report reports/bench/latest.json',
    'fynlo-bench report result.json --format markdown >> "$GITHUB_STEP_SUMMARY"',
    'fynlo-bench report result.json --html result.html',
    'fynlo-bench report pool.json cache.json    the rows of both; of one row, those of the later file',
  ],
  async run(positionals, { format = 'pretty', html, out }, { terminal }) {
    const [first, ...more] = positionals;
    if (first === undefined) {
      throw new UsageError('report wants a result file: fynlo-bench report FILE [FILE ...]');
    }
    const result = mergeResults(
      [await readResultFile(first), ...(await Promise.all(more.map(readResultFile)))],
      SCENARIO_IDS,
    );
    if (out !== undefined) await writeResultFile(out, result);
    terminal.out.write(`${renderResult(result, format, terminal)}\n`);
    if (html !== undefined) {
      await writePage(html, htmlReport(result));
    }
    return ExitCode.ok;
  },
};
