import type { Column } from './table.ts';

/** A whole page without a request to anywhere. */
export function htmlPage(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
${body.join('\n')}
</body></html>
`;
}

/** How a row of a table stands out. */
export interface RowStyle {
  /** Colours its first and its last cell. */
  readonly kind: 'pass' | 'fail' | 'inconclusive' | 'not-built';
  /** A cell with this text leads to the section of this name. */
  readonly section?: string;
}

/** @param styleOf of the rows by their numbers, where they differ */
export function htmlTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  styleOf?: (row: number) => RowStyle | undefined,
): string {
  const cells = (row: readonly string[], tag: 'td' | 'th', section?: string): string =>
    row
      .map((cell, i) => {
        const text = escapeHtml(cell).replaceAll('; ', '<br>');
        const shown = section === cell ? `<a href="#${text}">${text}</a>` : text;
        return `<${tag}${columns[i]?.align === 'right' ? ' class="r"' : ''}>${shown}</${tag}>`;
      })
      .join('');
  const head = cells(
    columns.map(({ title }) => title),
    'th',
  );
  const body = rows.map((row, i) => {
    const style = styleOf?.(i);
    return `<tr class="${style?.kind ?? ''}">${cells(row, 'td', style?.section)}</tr>`;
  });
  const kind = styleOf === undefined ? '' : ' class="verdicts"';
  return `<div class="wide"><table${kind}><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const STYLE = `:root{color-scheme:light dark;--fg:light-dark(#1b1f24,#e6e8eb);--dim:light-dark(#666d76,#9aa3ad);--bg:light-dark(#fff,#14171a);--line:light-dark(#dde1e6,#2c3238);--ok:light-dark(#177245,#58c58c);--bad:light-dark(#b3261e,#ff8a80);--open:light-dark(#8a5a00,#e3b341)}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2.2rem 0 .4rem}em{color:var(--bad)}.dim{color:var(--dim);font-size:.87rem;fill:var(--dim)}
.wide{overflow-x:auto}.wide+.wide{margin-top:1rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}th,td{padding:.25rem .7rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}.r{text-align:right}
.plain{list-style:none;padding:0;margin:.3rem 0}.pass :is(td:first-child,td:last-child,b:first-child),span.pass{color:var(--ok)}.fail :is(td:first-child,td:last-child,b:first-child),span.fail{color:var(--bad)}.inconclusive :is(td:first-child,td:last-child,b:first-child),span.inconclusive{color:var(--open)}a{color:inherit}td:last-child,.verdicts td:nth-child(4){white-space:nowrap}@media(max-width:50rem){th,td{padding:.25rem .35rem}table{font-size:.82rem}}
svg{max-width:660px;width:100%;font-size:12px;fill:var(--fg)}svg rect{fill:light-dark(#9db4cc,#4a6078)}svg .better{fill:var(--ok)}svg .worse{fill:var(--bad)}svg .bar0{fill:light-dark(#2f6fb0,#6aa7e0)}.whisker{stroke:var(--fg);fill:none}`;
