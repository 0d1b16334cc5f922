import { stripVTControlCharacters } from 'node:util';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Columns of text, two spaces apart; colour codes count as nothing. */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paintTitle: (text: string) => string = (text) => text,
): string[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => visibleLength(row[i] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => pad(cell, widths[i] ?? 0, columns[i]?.align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [paintTitle(line(columns.map(({ title }) => title))), ...rows.map(line)];
}

/** The same as a GitHub table. */
export function markdownTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const cell = (text: string): string => stripVTControlCharacters(text).replaceAll('|', '\\|');
  return [
    `| ${columns.map(({ title }) => cell(title)).join(' | ')} |`,
    `| ${columns.map(({ align }) => (align === 'right' ? '---:' : '---')).join(' | ')} |`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
  ];
}

export function visibleLength(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const room = ' '.repeat(Math.max(0, width - visibleLength(text)));
  return align === 'right' ? room + text : text + room;
}

/** Lines of at most `room` characters, cut at spaces. */
export function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}

/**
 * Rows of plain text whose last cell goes on below itself where the line is too short for it; a last column keeps at
 * least 30 characters.
 */
export function wrapLast(rows: readonly (readonly string[])[], room: number): string[][] {
  const width = (i: number): number => Math.max(...rows.map((row) => (row[i] ?? '').length));
  return rows.flatMap((row) => {
    const before = row.slice(0, -1);
    const left = before.reduce((sum, _, i) => sum + width(i) + 2, 0);
    return wrap(row.at(-1) ?? '', Math.max(30, room - left)).map((line, i) => [
      ...(i === 0 ? before : before.map(() => '')),
      line,
    ]);
  });
}
