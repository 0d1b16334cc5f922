import { expect, test } from 'vitest';
import { choiceFlag, parseFlags, switchFlag, textFlag, wholeNumberFlag } from './flags.ts';

const specs = {
  out: textFlag('DIR', 'where', 'o'),
  seed: wholeNumberFlag('N', { min: 0, max: 100 }, 'seed'),
  profile: choiceFlag(['quick', 'full'], 'how long'),
  pool: { ...textFlag('NAME', 'subject'), multiple: true as const },
  quiet: switchFlag('no progress', 'q'),
};

test('parseFlags() reads long, short, joined and repeated flags, and positionals between them', () => {
  const args = ['scaling', '--seed=7', '-o', 'x', '--pool', 'a', 'cache', '--pool', 'b', '-q'];
  const { positionals, flags } = parseFlags(args, specs);
  expect(positionals).toEqual(['scaling', 'cache']);
  expect(flags).toEqual({ seed: 7, out: 'x', pool: ['a', 'b'], quiet: true });
});

test.each([
  [['--sead', '1'], /Unknown flag --sead, did you mean --seed\?/],
  [['-z'], /Unknown flag -z/],
  [['--seed', '-1'], /--seed wants a whole number from 0 to 100, got "-1"/],
  [['--seed', '1e1'], /whole number/],
  [['--seed', '101'], /whole number/],
  [['--seed', ''], /whole number/],
  [['--out'], /--out wants a value: --out DIR/],
  [['--out='], /--out wants a value, got an empty one/],
  [['--quiet=1'], /--quiet takes no value/],
  [['--profile', 'fast'], /--profile wants one of quick, full, got "fast"/],
  [['--seed', '1', '--seed', '2'], /--seed is given twice/],
])('parseFlags(%j) refuses with %s', (args, message) => {
  expect(() => parseFlags(args, specs)).toThrow(message);
});
