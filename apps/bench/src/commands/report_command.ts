import { writeFile } from 'node:fs/promises';
import type { Command } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import { choiceFlag, textFlag } from '../cli/flags.ts';
import { FORMATS, renderResult } from '../report/formats.ts';
import { htmlReport } from '../report/html.ts';
import { readResultFile } from '../results/result_file.ts';

const flags = {
  format: choiceFlag(FORMATS, 'how to print (default pretty)'),
  html: textFlag('FILE', 'also write one self-contained HTML page'),
};

export const reportCommand: Command<typeof flags> = {
  name: 'report',
  summary: 'Prints a result file again, in any format',
  positionals: 'FILE',
  flags,
  examples: [
    'fynlo-bench report reports/bench/latest.json',
    'fynlo-bench report result.json --format markdown >> "$GITHUB_STEP_SUMMARY"',
    'fynlo-bench report result.json --html result.html',
  ],
  async run(positionals, { format = 'pretty', html }, { terminal }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) {
      throw new UsageError('report wants one result file: fynlo-bench report FILE');
    }
    const result = await readResultFile(file);
    terminal.out.write(`${renderResult(result, format, terminal.colors)}\n`);
    if (html !== undefined) {
      await writeFile(html, htmlReport(result)).catch((cause: NodeJS.ErrnoException) => {
        throw new UsageError(`Cannot write ${html}: ${cause.code ?? cause.message}`, { cause });
      });
    }
    return ExitCode.ok;
  },
};
