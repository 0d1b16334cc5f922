import { expect, test } from 'vitest';
import { type ProfileNode, rankCulprits } from './heap_attribution.ts';

const node = (
  functionName: string,
  url: string,
  selfSize: number,
  children: ProfileNode[] = [],
): ProfileNode => ({ callFrame: { functionName, url, lineNumber: 9 }, selfSize, children });

const HEAD = node('(root)', '', 500, [
  node('serve', 'file:///app/server.ts', 0, [
    node('remember', 'file:///app/memory.ts', 300, [node('set', '', 100)]),
    node('allocUnsafeSlow', 'node:buffer', 50),
  ]),
  node('', 'file:///app/once.ts', 10),
]);

test('what builtins allocate counts for the innermost function of the user', () => {
  const [first, second, third] = rankCulprits(HEAD);
  expect(first).toEqual({
    functionName: 'remember',
    site: '/app/memory.ts:10',
    bytes: 400,
    share: 400 / 460,
    callers: ['serve /app/server.ts:10'],
  });
  expect(second).toMatchObject({ functionName: 'serve', bytes: 50 });
  expect(third).toMatchObject({ functionName: '(anonymous)', bytes: 10 });
});

test('of off-heap growth only those who make Buffers count, where any do', () => {
  expect(rankCulprits(HEAD, 'off-heap').map((c) => c.functionName)).toEqual(['serve']);
  const without = node('(root)', '', 0, [node('wasm', 'file:///app/w.ts', 5)]);
  expect(rankCulprits(without, 'off-heap').map((c) => c.functionName)).toEqual(['wasm']);
});
