import { METRICS } from '../measure/metric.ts';
import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import { medianInterval } from '../statistics/median.ts';
import { number } from './number.ts';
import { escapeHtml, htmlPage, htmlTable } from './page.ts';
import { environmentLines } from './pretty.ts';
import {
  conditions,
  criterionText,
  elsewhereLines,
  MARKS,
  measuredText,
  medianOf,
  reasonText,
  settingsLines,
  subjectTables,
  tally,
  verdictTable,
} from './rows.ts';

/**
 * One page without a request to anywhere: tally and verdicts, each scenario with bars for its subjects, the environment.
 *
 * @param against what the result was compared with, as HTML; it comes after the verdicts
 */
export function htmlReport(result: ResultFile, against: readonly string[] = []): string {
  const { columns, rows } = verdictTable(result);
  const counts = tally(result).map(([kind, text]) => `<span class="${kind}">${text}</span>`);
  const partial = result.partial
    ? ` <em>partial: ${result.pending.length} of ${rows.length} not measured</em>`
    : '';
  return htmlPage(`fynlo-bench ${result.startedAt}`, [
    `<h1>fynlo-bench, ${escapeHtml(result.startedAt.slice(0, 10))}</h1>`,
    `<p>${rows.length} ${rows.length === 1 ? 'target' : 'targets'}: ${counts.join(', ')}${partial}</p>`,
    htmlTable(columns, rows, (row) => {
      const scenario = result.scenarios[row];
      return scenario && { kind: scenario.verdict, section: scenario.id };
    }),
    ...elsewhereLines(result).map(
      (line) => `<p class="inconclusive"><b>${escapeHtml(line)}</b></p>`,
    ),
    ...against,
    ...result.scenarios.map(scenarioSection),
    '<h2>Environment</h2>',
    `<p class="dim">${environmentLines(result).map(escapeHtml).join('<br>')}</p>`,
  ]);
}

function scenarioSection(scenario: ScenarioResult): string {
  const reason = reasonText(scenario);
  return `<section id="${escapeHtml(scenario.id)}"><h2>${escapeHtml(scenario.id)} ${escapeHtml(scenario.question)}</h2>
<p class="dim">${escapeHtml(conditions(scenario))}</p>
<ul class="plain">${scenario.criteria
    .map(
      (c) =>
        `<li class="${c.verdict}"><b>${MARKS[c.verdict]}</b> ${escapeHtml(criterionText(c))}: <b>${escapeHtml(measuredText(c))}</b></li>`,
    )
    .join('')}</ul>
${reason === '' ? '' : `<p class="dim">${escapeHtml(reason)}</p>`}
${bars(scenario)}
${subjectTables(scenario)
  .map(({ columns, rows }) => htmlTable(columns, rows))
  .join('\n')}
<p class="dim">${settingsLines(scenario).map(escapeHtml).join('<br>')}</p></section>`;
}

/** Medians of the deciding metric with the interval of the median as a whisker; the table below has the numbers. */
function bars(scenario: ScenarioResult): string {
  const metric = scenario.criteria[0]?.criterion.metric;
  if (metric === undefined) return '';
  const shown = scenario.subjects.flatMap((subject) => {
    const value = medianOf(subject, metric);
    const values = subject.rounds.flatMap(({ metrics }) => metrics[metric] ?? []);
    return value === undefined ? [] : [{ name: subject.name, value, ...medianInterval(values) }];
  });
  const most = Math.max(...shown.map(({ high }) => high));
  if (shown.length < 2 || !(most > 0)) return '';
  const x = (value: number): string => ((value / most) * 420 + 150).toFixed(1);
  const rows = shown.map(({ name, value, low, high }, i) => {
    const y = i * 26 + 22;
    return `<text x="142" y="${y + 12}" text-anchor="end">${escapeHtml(name)}</text><rect x="150" y="${y}" width="${(Number(x(value)) - 150).toFixed(1)}" height="16" class="bar${i}"/><path d="M${x(low)} ${y + 8}H${x(high)}M${x(low)} ${y + 4}v8M${x(high)} ${y + 4}v8" class="whisker"/><text x="580" y="${y + 12}">${number(value)}</text>`;
  });
  const { meaning, unit, better } = METRICS[metric];
  return `<svg viewBox="0 0 660 ${shown.length * 26 + 26}" role="img" aria-label="${escapeHtml(meaning)}"><text x="150" y="12" class="dim">${escapeHtml(meaning)}${unit === '' ? '' : `, ${escapeHtml(unit)}`} (${better} is better)</text>${rows.join('')}</svg>`;
}
