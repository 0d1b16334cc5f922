import { expect, test, vi } from 'vitest';
import { processTerminal } from './terminal.ts';

test.each([
  ['a terminal of 72 columns', 72, 72],
  ['one that does not know how many it has', 0, 100],
  ['no terminal', undefined, 100],
])('processTerminal() of %s writes lines for it', (_, columns, expected) => {
  vi.stubGlobal('process', { ...process, stderr: { isTTY: columns !== undefined, columns } });
  try {
    expect(processTerminal({}).columns).toBe(expected);
  } finally {
    vi.unstubAllGlobals();
  }
});
