import { advice, type Finding, ok, problem } from './finding.ts';

/** Node.js itself and the flags it is started with. Pure: a version and a string in, findings out. */
export function examineNode(version: string, nodeOptions: string): Finding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const findings: Finding[] = [];
  if (major < 20 || (major === 20 && minor < 19)) {
    findings.push(
      problem(
        `Node.js ${version} is older than 20.19`,
        'upgrade: require() of ESM packages needs 20.19',
      ),
    );
  } else findings.push(ok(`Node.js ${version}`));

  const semiSpace = /--max-semi-space-size=(\d+)/.exec(nodeOptions)?.[1];
  if (major < 24 && semiSpace === undefined) {
    findings.push(
      advice(
        `Node.js ${major} starts with 16 MB of semi-space`,
        'NODE_OPTIONS=--max-semi-space-size=32 halves GC time for services that read many rows (measured: 190 to 96 ms a second)',
      ),
    );
  }
  if (semiSpace !== undefined && Number(semiSpace) >= 128) {
    findings.push(
      advice(
        `--max-semi-space-size=${semiSpace} makes single collections longer than 10 ms`,
        'use 32 (or 64)',
      ),
    );
  }
  return findings;
}
