/** For text and for attributes in double quotes. */
export function escapeHtml(text: unknown): string {
  return String(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** JSON that may stand in a script element: nothing in it can end the element, whatever a server called itself. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

export interface TableCell {
  readonly text: string;
  readonly className?: string;
}

/** All text is escaped here; cells are never markup. */
export function htmlTable(
  head: readonly string[],
  rows: readonly (readonly (string | TableCell)[])[],
): string {
  const cell = (value: string | TableCell): string =>
    typeof value === 'string'
      ? `<td>${escapeHtml(value)}</td>`
      : `<td class="${escapeHtml(value.className ?? '')}">${escapeHtml(value.text)}</td>`;
  return `<div class="wide"><table><thead><tr>${head.map((h) => `<th scope="col">${escapeHtml(h)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map(cell).join('')}</tr>`)
    .join('')}</tbody></table></div>`;
}

/** Four significant digits below 1000, whole numbers above, a dash for nothing. */
export function shortNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}
