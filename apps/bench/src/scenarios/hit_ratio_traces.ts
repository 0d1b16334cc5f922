import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom, zipf } from '@fynlo/orchestrator/measurement';

/** A sequence of requests, by key. */
export interface Trace {
  readonly name: string;
  readonly keys: Uint32Array;
}

/** Names a folder with public traces: `*.lis` in the form of the ARC paper, `*.trace` with a number a line (LIRS). */
export const TRACES_FOLDER = 'FYNLO_TRACES';

// A miss is a round trip to Redis: this many take half a minute in all.
const REQUESTS = 80_000;
const KEYS = 20_000;

/** Three workloads that are made here, the same for every subject of a seed. */
export function generatedTraces(seed: number): Trace[] {
  return [
    { name: 'Zipf 0.99', keys: popular(seed) },
    { name: 'Zipf 0.9 with scans', keys: withScans(seed) },
    { name: 'Zipf 0.9, moving', keys: moving(seed) },
  ];
}

function popular(seed: number): Uint32Array {
  const draw = zipf(KEYS, 0.99, seededRandom(seed));
  return Uint32Array.from({ length: REQUESTS }, draw);
}

/** A report that reads 1000 keys nobody else wants, each 8,000 requests. */
function withScans(seed: number): Uint32Array {
  const draw = zipf(KEYS, 0.9, seededRandom(seed));
  let fresh = KEYS;
  return Uint32Array.from({ length: REQUESTS }, (_, i) => (i % 8000 < 1000 ? fresh++ : draw()));
}

/**
 * What is popular today is not tomorrow: ranks move on by one key each 100 requests. (At one each 10, a queue of newcomers is
 * too slow: LRU is 4 to 6 points ahead of S3-FIFO.)
 */
function moving(seed: number): Uint32Array {
  const draw = zipf(KEYS, 0.9, seededRandom(seed));
  return Uint32Array.from({ length: REQUESTS }, (_, i) => (draw() + Math.floor(i / 100)) % KEYS);
}

/** The traces of a folder; none when it is not given. */
export async function publicTraces(folder: string | undefined): Promise<Trace[]> {
  if (folder === undefined || folder === '') return [];
  const files = (await readdir(folder)).filter((name) => /\.(lis|trace)$/.test(name)).sort();
  if (files.length === 0)
    throw new Error(`${folder} (${TRACES_FOLDER}) has no .lis or .trace file`);
  return Promise.all(
    files.map(async (name) => {
      const text = await readFile(join(folder, name), 'latin1');
      return { name, keys: name.endsWith('.lis') ? parseArcTrace(text) : parseLirsTrace(text) };
    }),
  );
}

/** `first count …` a line: so many blocks in a row. */
export function parseArcTrace(text: string): Uint32Array {
  return dense(
    lines(text).flatMap((line) => {
      const [first = Number.NaN, count = Number.NaN] = line.split(/\s+/).map(Number);
      if (!(count >= 0))
        throw new Error(`"${line}" is no line of an ARC trace: first block, count`);
      return Array.from({ length: count }, (_, i) => first + i);
    }),
  );
}

/** A block a line; `*` stands between parts. */
export function parseLirsTrace(text: string): Uint32Array {
  return dense(
    lines(text)
      .filter((line) => line !== '*')
      .map(Number),
  );
}

function lines(text: string): string[] {
  return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
}

/** Keys numbered in the order in which they come. */
function dense(keys: readonly number[]): Uint32Array {
  const numbers = new Map<number, number>();
  return Uint32Array.from(keys, (key) => {
    if (!Number.isInteger(key)) throw new Error('a trace holds what is no block number');
    const known = numbers.get(key) ?? numbers.size;
    numbers.set(key, known);
    return known;
  });
}
