/**
 * Names the functions whose allocations stay, with V8's sampling heap profiler.
 *
 * The profiler keeps only samples of objects that are still alive, so what it shows after some seconds *is* the growth
 * by allocation stack. At one sample per 64 KiB a service keeps 97–100 % of its throughput while it runs; a heap snapshot
 * of the same heap would stop it for seconds to minutes.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import { withInspector } from './_inspector_session.ts';

/** A function and what it allocated that is still there. */
export interface Culprit {
  readonly functionName: string;
  /** `file:line` of the function. */
  readonly site: string;
  readonly bytes: number;
  /** Of all sampled growth, 0..1. */
  readonly share: number;
  /** Its callers, inner to outer. */
  readonly callers: readonly string[];
}

/** A node of V8's sampling heap profile, as far as it is read. */
export interface ProfileNode {
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  readonly selfSize: number;
  readonly children: readonly ProfileNode[];
}

export interface SamplingOptions {
  readonly durationMs: number;
  /** Off-heap growth shows in the small wrappers of Buffers only: it needs finer sampling, and costs a quarter. */
  readonly kind: 'heap' | 'off-heap';
  /** Resolves when the time is over, or the guard stops. */
  wait(ms: number): Promise<void>;
  /** Brings a major collection about, so that garbage is not taken for growth. */
  settle(): Promise<unknown>;
}

const HEAP_INTERVAL_BYTES = 65_536;
const OFF_HEAP_INTERVAL_BYTES = 4_096;
const STACK_DEPTH = 24;
const SHOWN = 5;

/** Samples for a while; empty when the inspector cannot be had. */
export async function sampleGrowth(options: SamplingOptions): Promise<Culprit[]> {
  const head = await withInspector(async (post) => {
    await post('HeapProfiler.startSampling', {
      samplingInterval: options.kind === 'heap' ? HEAP_INTERVAL_BYTES : OFF_HEAP_INTERVAL_BYTES,
      stackDepth: STACK_DEPTH,
    });
    await options.wait(options.durationMs);
    await options.settle();
    const { profile } = (await post('HeapProfiler.stopSampling')) as {
      profile: { head: ProfileNode };
    };
    return profile.head;
  });
  return head === undefined ? [] : rankCulprits(head, options.kind);
}

/**
 * Adds the sizes up by the innermost function that is the user's: neither V8's nor Node's own. Of off-heap growth the
 * profile shows the wrappers of Buffers only: where any were made by Node's buffer module, nothing else counts.
 */
export function rankCulprits(head: ProfileNode, kind: SamplingOptions['kind'] = 'heap'): Culprit[] {
  const buffers = kind === 'off-heap' ? rank(head, isBufferModule) : [];
  return buffers.length > 0 ? buffers : rank(head, () => true);
}

function rank(head: ProfileNode, counts: (allocating: ProfileNode) => boolean): Culprit[] {
  const found = new Map<string, { name: string; site: string; bytes: number; callers: string[] }>();
  let total = 0;
  const visit = (node: ProfileNode, outer: readonly ProfileNode[]): void => {
    const path = [node, ...outer];
    const own = path.findIndex(isUsers);
    const culprit = path[own];
    if (culprit !== undefined && node.selfSize > 0 && counts(node)) {
      const site = siteOf(culprit);
      const name = culprit.callFrame.functionName || '(anonymous)';
      const entry = found.get(`${name} ${site}`) ?? {
        name,
        site,
        bytes: 0,
        callers: path
          .slice(own + 1)
          .filter(isUsers)
          .slice(0, 4)
          .map(describe),
      };
      entry.bytes += node.selfSize;
      total += node.selfSize;
      found.set(`${name} ${site}`, entry);
    }
    for (const child of node.children) visit(child, path);
  };
  visit(head, []);
  return [...found.values()]
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, SHOWN)
    .map(({ name, site, bytes, callers }) => ({
      functionName: name,
      site,
      bytes,
      share: bytes / total,
      callers,
    }));
}

function isUsers({ callFrame }: ProfileNode): boolean {
  return callFrame.url !== '' && !callFrame.url.startsWith('node:');
}

function isBufferModule({ callFrame }: ProfileNode): boolean {
  return callFrame.url === 'node:buffer' || callFrame.url === 'node:internal/buffer';
}

function siteOf({ callFrame }: ProfileNode): string {
  const { url, lineNumber } = callFrame;
  return `${url.startsWith('file:') ? fileURLToPath(url) : url}:${lineNumber + 1}`;
}

function describe(node: ProfileNode): string {
  return `${node.callFrame.functionName || '(anonymous)'} ${siteOf(node)}`;
}
