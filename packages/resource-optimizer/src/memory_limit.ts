/** Who set the memory limit of this process; `total` is the machine's RAM. */
export type MemoryLimitSource =
  | 'cgroup-v2 memory.max'
  | 'cgroup-v2 memory.high'
  | 'cgroup-v1 limit_in_bytes'
  | 'runtime constraint'
  | 'total';

/** A limit as the system states it: the text of a control file. */
export interface MemoryLimitCandidate {
  readonly source: Exclude<MemoryLimitSource, 'total'>;
  readonly text: string;
}

export interface MemoryLimit {
  readonly limitBytes: number;
  readonly source: MemoryLimitSource;
}

/**
 * The smallest stated limit that is a limit at all. cgroup v2 says `max` for none, cgroup v1 says 2^63 rounded down to a
 * page (9223372036854771712), and libuv hands on 2^64 in some versions: anything at or over the machine's RAM is "none".
 */
export function memoryLimit(
  totalBytes: number,
  candidates: readonly MemoryLimitCandidate[],
): MemoryLimit {
  let best: MemoryLimit = { limitBytes: totalBytes, source: 'total' };
  for (const { source, text } of candidates) {
    const bytes = parseBytes(text);
    if (bytes !== undefined && bytes < best.limitBytes) best = { limitBytes: bytes, source };
  }
  return best;
}

function parseBytes(text: string): number | undefined {
  const trimmed = text.trim();
  // Only plain digits: `max`, `-1`, an empty or cut file are all "says nothing". 0 would divide by zero later.
  if (!/^\d+$/.test(trimmed)) return undefined;
  const bytes = Number(trimmed);
  return bytes > 0 ? bytes : undefined;
}
