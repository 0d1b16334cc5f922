import { describe, expect, test } from 'vitest';
import { findExamples } from './doc_examples.ts';

/** A document that says ~~~ where a fence stands, so that this file shows no example itself. */
const fenced = (...lines: string[]): string => lines.join('\n').replaceAll('~~~', '```');

describe('findExamples()', () => {
  test('finds the ts fences of a Markdown file and keeps their line numbers', () => {
    const text = fenced(
      '# Pool',
      '~~~ts',
      'const a = 1;',
      '',
      'f(a);',
      '~~~',
      'and',
      '~~~ts',
      'g();',
      '~~~',
    );
    expect(findExamples('README.md', text)).toEqual([
      { file: 'README.md', line: 2, code: '\n\nconst a = 1;\n\nf(a);\n' },
      { file: 'README.md', line: 8, code: `${'\n'.repeat(8)}g();\n` },
    ]);
  });

  test('leaves out other languages and what is marked as ignored', () => {
    const text = fenced(
      '~~~sh',
      'npm test',
      '~~~',
      '~~~ts ignore',
      'f();',
      '~~~',
      '~~~',
      'plain',
      '~~~',
    );
    expect(findExamples('README.md', text)).toEqual([]);
  });

  test('takes the indentation of a fence in a list away', () => {
    const text = fenced('- a list', '  ~~~ts', '  if (x) {', '    f();', '  }', '  ~~~');
    expect(findExamples('README.md', text)).toEqual([
      { file: 'README.md', line: 2, code: '\n\nif (x) {\n  f();\n}\n' },
    ]);
  });

  test('finds the fences in the doc comments of a source file, and no others', () => {
    const text = fenced(
      '/**',
      ' * A pool.',
      ' * ~~~ts',
      ' * const a = 1;',
      ' *',
      ' *   f(a);',
      ' * ~~~',
      ' */',
      'export const text = `',
      '~~~ts',
      'no();',
      '~~~`;',
      '// ~~~ts',
      '/* ~~~ts */',
    );
    expect(findExamples('src/pool.ts', text)).toEqual([
      { file: 'src/pool.ts', line: 3, code: '\n\n\nconst a = 1;\n\n  f(a);\n' },
    ]);
  });

  test('refuses a fence that is never closed', () => {
    expect(() => findExamples('README.md', fenced('text', '~~~ts', 'f();'))).toThrow(
      'README.md:2 opens a fence and never closes it',
    );
  });
});
