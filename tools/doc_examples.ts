// Finds the examples in the documentation: every ```ts fence of a Markdown file, and of a doc comment in a .ts file.
// A fence marked ```ts ignore is only shown.

export interface Example {
  /** Path of the documentation, from the root of the repository. */
  readonly file: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** The example as a module; its lines have the same numbers as in `file`. */
  readonly code: string;
}

/** @throws Error when a fence is not closed. */
export function findExamples(file: string, text: string): Example[] {
  const examples: Example[] = [];
  const lines = file.endsWith('.md') ? text.split('\n') : docComments(text);
  let fence: { line: number; info: string; indent: number } | undefined;
  let code: string[] = [];
  for (const [index, line] of lines.entries()) {
    const [, indent, info] = /^(\s*)```(.*)$/.exec(line) ?? [];
    if (fence === undefined) {
      if (indent === undefined || info === undefined) continue;
      fence = { line: index + 1, info: info.trim(), indent: indent.length };
      code = [];
    } else if (info === '') {
      if (/^(ts|typescript)$/.test(fence.info)) {
        const padding = '\n'.repeat(fence.line);
        examples.push({ file, line: fence.line, code: `${padding}${code.join('\n')}\n` });
      }
      fence = undefined;
    } else {
      code.push(line.slice(Math.min(fence.indent, /^\s*/.exec(line)?.[0].length ?? 0)));
    }
  }
  if (fence !== undefined)
    throw new Error(`${file}:${fence.line} opens a fence and never closes it`);
  return examples;
}

/** The lines of a source file with only the text of its doc comments left. */
function docComments(text: string): string[] {
  let inside = false;
  return text.split('\n').map((line) => {
    if (!inside && /^\s*\/\*\*/.test(line)) inside = true;
    if (!inside) return '';
    if (line.includes('*/')) inside = false;
    return line.replace(/^\s*(\/\*\*|\*\/|\* ?)/, '').replace(/\*\/.*$/, '');
  });
}
