import { afterEach, expect, test, vi } from 'vitest';
import { onNextMajorCollection } from './_major_collection.ts';
import { probe, probeHeldBytes } from './soft_probe.ts';

const MB = 1_048_576;

afterEach(() => vi.unstubAllGlobals());

test('a soft probe brings a major collection about, and what was dropped before is told when it resolves', async () => {
  const told: number[] = [];
  const registry = new FinalizationRegistry<number>((i) => void told.push(i));
  const drop = (i: number): void => registry.register({ i }, i);
  for (let i = 0; i < 20; i++) drop(i);
  const result = await probe();
  expect(result.conclusive).toBe(true);
  expect(told).toHaveLength(20);
  expect(result.tookMs).toBeGreaterThan(0);
});

test('G4 twenty probes leave neither buffers nor resident memory behind', async () => {
  await probe();
  const before = process.memoryUsage();
  for (let i = 0; i < 20; i++) await probe({ ref: true });
  const after = process.memoryUsage();
  expect(probeHeldBytes()).toBe(0);
  expect((after.arrayBuffers - before.arrayBuffers) / MB).toBeLessThan(16);
  expect((after.rss - before.rss) / MB).toBeLessThan(64);
}, 60_000);

test('where the system refuses address space the collection is forced, whether asked for or not', async () => {
  vi.stubGlobal(
    'ArrayBuffer',
    class {
      constructor() {
        throw new RangeError('Array buffer allocation failed');
      }
    },
  );
  expect(await probe({ force: false })).toMatchObject({
    kind: 'full',
    conclusive: true,
    chunks: 0,
  });
});

test('an aborted probe ends at once and proves nothing', async () => {
  expect(await probe({ signal: AbortSignal.abort() })).toMatchObject({
    conclusive: false,
    chunks: 0,
  });
  expect(probeHeldBytes()).toBe(0);
});

test('a full probe is forced', async () => {
  let rang = false;
  onNextMajorCollection(() => {
    rang = true;
  });
  expect(await probe({ kind: 'full' })).toMatchObject({ kind: 'full', conclusive: true });
  expect(rang).toBe(true);
});

test('a bell that is taken back does not ring', async () => {
  let rang = false;
  const unwatch = onNextMajorCollection(() => {
    rang = true;
  });
  unwatch();
  await probe({ kind: 'full' });
  expect(rang).toBe(false);
});
