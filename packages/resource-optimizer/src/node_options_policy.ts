/** What is known of the process and its place. */
export interface NodeOptionsInput {
  readonly nodeMajor: number;
  /** `process.execArgv` and the words of NODE_OPTIONS. */
  readonly flags: readonly string[];
  readonly memoryLimitBytes: number;
  /** The share of it the process may use, 0..1. */
  readonly memoryTarget: number;
  /** V8's own ceiling for the heap. */
  readonly heapLimitBytes: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  readonly rssBytes: number;
}

/** Flags to start the process with, and why, one reason per flag or per flag left out. */
export interface NodeOptions {
  readonly flags: string[];
  readonly why: string[];
}

const MIB = 1024 * 1024;
/** Code, stacks, buffers: what a small service has outside the heap even when idle. */
const MIN_OFF_HEAP_BYTES = 64 * MIB;

/**
 * What to start Node with. Advice only: V8 reads these flags when an isolate is made, setting them later changes nothing
 * in the running one (measured on Node 20, 22, 24 and 26; only Workers made afterwards follow).
 */
export function nodeOptions(input: NodeOptionsInput): NodeOptions {
  const flags: string[] = [];
  const why: string[] = [];
  semiSpace(input, flags, why);
  oldSpace(input, flags, why);
  return { flags, why };
}

function semiSpace(input: NodeOptionsInput, flags: string[], why: string[]): void {
  const name = '--max-semi-space-size';
  if (isSet(input.flags, name)) {
    why.push(`${name} is set already`);
  } else if (input.nodeMajor >= 24) {
    why.push(
      `${name} is left alone: Node ${input.nodeMajor} sizes the young generation itself, 32 MiB gained 3 %`,
    );
  } else if (input.memoryLimitBytes < 512 * MIB) {
    why.push(
      `${name} is left alone: it costs up to 48 MiB, too much of ${mib(input.memoryLimitBytes)}`,
    );
  } else {
    flags.push(`${name}=32`);
    why.push(
      `${name}=32: on Node 20 it halved the time in GC (190 to 96 ms/s) and gave 1.27x rows per CPU second; ` +
        'larger makes single pauses longer (128: over 10 ms)',
    );
  }
}

function oldSpace(input: NodeOptionsInput, flags: string[], why: string[]): void {
  const name = '--max-old-space-size';
  if (isSet(input.flags, name) || isSet(input.flags, '--max-old-space-size-percentage')) {
    why.push(`${name} is set already`);
    if (input.heapLimitBytes <= input.memoryLimitBytes) return;
  }
  const offHeap = Math.max(MIN_OFF_HEAP_BYTES, input.rssBytes - input.heapTotalBytes);
  const wanted = Math.floor((input.memoryLimitBytes * input.memoryTarget - offHeap) / MIB);
  if (wanted < 32) {
    why.push(
      `${name} is left alone: ${mib(input.memoryLimitBytes)} less ${mib(offHeap)} outside the heap leaves no room for one`,
    );
    return;
  }
  const tooHigh = input.heapLimitBytes + offHeap > input.memoryLimitBytes;
  const tooLow =
    input.heapUsedBytes > 0.7 * input.heapLimitBytes && wanted * MIB > 1.2 * input.heapLimitBytes;
  if (!tooHigh && !tooLow) {
    why.push(
      `${name} is left alone: the heap may take ${mib(input.heapLimitBytes)}, ${mib(input.heapUsedBytes)} are used`,
    );
    return;
  }
  flags.push(`${name}=${wanted}`);
  why.push(
    tooHigh
      ? `${name}=${wanted}: the heap may take ${mib(input.heapLimitBytes)} and ${mib(offHeap)} are used outside it, more than ` +
          `the limit of ${mib(input.memoryLimitBytes)}: the process would be killed before V8 collects in earnest`
      : `${name}=${wanted}: ${mib(input.heapUsedBytes)} of ${mib(input.heapLimitBytes)} heap are used, the memory limit allows more`,
  );
}

function isSet(flags: readonly string[], name: string): boolean {
  return flags.some((flag) => flag.replaceAll('_', '-').split('=', 1)[0] === name);
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
