import { METRICS } from '../measure/metric.ts';
import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import { medianInterval } from '../statistics/median.ts';
import { number } from './number.ts';
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
import type { Column } from './table.ts';

/** One page without a request to anywhere: tally and verdicts, each scenario with bars for its subjects, the environment. */
export function htmlReport(result: ResultFile): string {
  const { columns, rows } = verdictTable(result);
  const counts = tally(result).map(([kind, text]) => `<span class="${kind}">${text}</span>`);
  const partial = result.partial
    ? ` <em>partial: ${result.pending.length} of ${rows.length} not measured</em>`
    : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>fynlo-bench ${escapeHtml(result.startedAt)}</title><style>${STYLE}</style></head><body>
<h1>fynlo-bench, ${escapeHtml(result.startedAt.slice(0, 10))}</h1>
<p>${rows.length} ${rows.length === 1 ? 'target' : 'targets'}: ${counts.join(', ')}${partial}</p>
${table(columns, rows, (row) => result.scenarios[row])}
${elsewhereLines(result)
  .map((line) => `<p class="inconclusive"><b>${escapeHtml(line)}</b></p>`)
  .join('\n')}
${result.scenarios.map(scenarioSection).join('\n')}
<h2>Environment</h2>
<p class="dim">${environmentLines(result).map(escapeHtml).join('<br>')}</p>
</body></html>
`;
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
  .map(({ columns, rows }) => table(columns, rows))
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

/** @param scenarioOf in the table of verdicts: whose a row is; it colours the row, which leads to its section */
function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  scenarioOf?: (row: number) => ScenarioResult | undefined,
): string {
  const cells = (row: readonly string[], tag: 'td' | 'th', id?: string): string =>
    row
      .map((cell, i) => {
        const text = escapeHtml(cell).replaceAll('; ', '<br>');
        const shown = id === cell ? `<a href="#${text}">${text}</a>` : text;
        return `<${tag}${columns[i]?.align === 'right' ? ' class="r"' : ''}>${shown}</${tag}>`;
      })
      .join('');
  const head = cells(
    columns.map(({ title }) => title),
    'th',
  );
  const body = rows.map((row, i) => {
    const scenario = scenarioOf?.(i);
    return `<tr class="${scenario?.verdict ?? ''}">${cells(row, 'td', scenario?.id)}</tr>`;
  });
  const kind = scenarioOf === undefined ? '' : ' class="verdicts"';
  return `<div class="wide"><table${kind}><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const STYLE = `:root{color-scheme:light dark;--fg:light-dark(#1b1f24,#e6e8eb);--dim:light-dark(#666d76,#9aa3ad);--bg:light-dark(#fff,#14171a);--line:light-dark(#dde1e6,#2c3238);--ok:light-dark(#177245,#58c58c);--bad:light-dark(#b3261e,#ff8a80);--open:light-dark(#8a5a00,#e3b341)}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2.2rem 0 .4rem}em{color:var(--bad)}.dim{color:var(--dim);font-size:.87rem;fill:var(--dim)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}th,td{padding:.25rem .7rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}.r{text-align:right}
.plain{list-style:none;padding:0;margin:.3rem 0}.pass :is(td:first-child,td:last-child,b:first-child),span.pass{color:var(--ok)}.fail :is(td:first-child,td:last-child,b:first-child),span.fail{color:var(--bad)}.inconclusive :is(td:first-child,td:last-child,b:first-child),span.inconclusive{color:var(--open)}a{color:inherit}td:last-child,.verdicts td:nth-child(4){white-space:nowrap}@media(max-width:50rem){th,td{padding:.25rem .35rem}table{font-size:.82rem}}
svg{max-width:660px;width:100%;font-size:12px;fill:var(--fg)}svg rect{fill:light-dark(#9db4cc,#4a6078)}svg .bar0{fill:light-dark(#2f6fb0,#6aa7e0)}.whisker{stroke:var(--fg);fill:none}`;
