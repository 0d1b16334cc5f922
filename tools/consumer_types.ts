// Type-checks a user's program against an installed package, declarations of the package included.
import { join } from 'node:path';
import ts from 'typescript';

const options: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  types: ['node'],
};

// TypeScript's own library and the types of Node.js are the same for every project: parsed once.
const parsed = new Map<string, ts.SourceFile | undefined>();

/**
 * The errors of `files` (in the folder `project`) and of every declaration file in its node_modules/@fynlo, formatted.
 * Declarations of other packages are not ours to check.
 */
export function typeErrors(project: string, files: readonly string[]): string {
  const host = ts.createCompilerHost(options, true);
  host.getCurrentDirectory = () => project;
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    if (path.startsWith(project)) return read(path, ...rest);
    if (!parsed.has(path)) parsed.set(path, read(path, ...rest));
    return parsed.get(path);
  };
  const program = ts.createProgram(
    files.map((file) => join(project, file)),
    options,
    host,
  );
  const errors = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  for (const file of program.getSourceFiles().filter((f) => f.fileName.startsWith(project))) {
    errors.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
  }
  return ts.formatDiagnostics(errors, host);
}
