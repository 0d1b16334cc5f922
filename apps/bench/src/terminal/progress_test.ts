import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { drawBar, Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

function terminal(live: boolean, columns = 60): { terminal: Terminal; written: string[] } {
  const written: string[] = [];
  const stream = {
    write: (text: string) => written.push(text),
  } as unknown as NodeJS.WritableStream;
  return {
    terminal: { out: stream, err: stream, live, columns, colors: pc.createColors(false) },
    written,
  };
}

test('Progress without a terminal prints a new phase at once and the same one every 5 s', () => {
  let now = 0;
  const { terminal: plain, written } = terminal(false);
  const progress = new Progress(plain, false, () => now);
  progress.update('scaling: low', 'pool 10', 0.1);
  now = 1000;
  progress.update('scaling: low', 'pool 20', 0.2);
  progress.update('scaling: high', 'pool 300', 0.5);
  now = 7000;
  progress.update('scaling: high', 'pool 500', 0.9);
  progress.done();
  expect(written).toEqual([
    ' 10 %  scaling: low  pool 10\n',
    ' 50 %  scaling: high  pool 300\n',
    ' 90 %  scaling: high  pool 500\n',
  ]);
});

test('Progress on a terminal rewrites one line, never wider than the terminal, and leaves it clean', () => {
  const { terminal: live, written } = terminal(true, 30);
  const progress = new Progress(live, false, () => 0);
  progress.update('a phase with a rather long name', 'and details', 0.5);
  progress.note('remark');
  progress.done();
  expect(written[0]?.startsWith('\r\u001b[2K')).toBe(true);
  expect(stripVTControlCharacters(written[0] ?? '').replace('\r', '').length).toBeLessThanOrEqual(
    29,
  );
  expect(written.slice(1)).toEqual(['\r\u001b[2K', 'remark\n']);
});

test('Progress that is quiet writes nothing', () => {
  const { terminal: live, written } = terminal(true);
  const progress = new Progress(live, true);
  progress.update('x', 'y');
  progress.note('z');
  progress.done();
  expect(written).toEqual([]);
});

test.each([
  [0, '░░░░'],
  [0.5, '██░░'],
  [0.53, '██▏░'],
  [1, '████'],
  [7, '████'],
])('drawBar(%d) is %s', (fraction, bar) => {
  expect(drawBar(fraction, 4)).toBe(bar);
});
