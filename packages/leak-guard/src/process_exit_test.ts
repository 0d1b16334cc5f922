import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, test, vi } from 'vitest';

// A process of its own, on the built package: how it ends is the question.
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
// Processes start slowly on a busy machine; one that hangs is ended by `script` before this.
vi.setConfig({ testTimeout: 60_000 });

const PRELUDE = `
  import pg from 'pg';
  import { guardPgPool, MemoryLeakPrevention } from '@fynlo/leak-guard';
  const guard = new MemoryLeakPrevention({
    level: 'paranoid', sweepIntervalMs: 20, leakDetectionThresholdMs: 50, monitoringIntervalMs: 50,
    attributionMs: 600_000, trend: { minPoints: 8, minGrowthMb: 1, confirmAfterMs: 0 },
  });
  const pool = new pg.Pool({ connectionString: process.env.URL, max: 4, allowExitOnIdle: true });
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
`;

/** Resolves with what was printed; a process that hangs is ended and fails the test. */
async function script(body: string): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    ['--input-type=module', '--eval', PRELUDE + body],
    {
      cwd: PACKAGE,
      timeout: 30_000,
      env: { ...process.env, URL: inject('postgresUrl') },
    },
  );
  return stdout.trim();
}

test('a process that monitors and never stops ends by itself', async () => {
  const printed = await script(`
    guard.attach(guardPgPool(pool));
    guard.startMonitoring();
    guard.track({}, 'thing');
    await pool.query('select 1');
    await sleep(200);
    console.log('end');
  `);
  expect(printed).toBe('end');
});

test('stop() twice leaves nothing that was not there before', async () => {
  const printed = await script(`
    await pool.query('select 1');
    await pool.end();
    await sleep(50);
    const before = process.getActiveResourcesInfo().sort().join();
    guard.attach(guardPgPool(pool));
    guard.startMonitoring();
    await sleep(300);
    const stopping = guard.stop();
    await guard.stop();
    await stopping;
    await sleep(50);
    console.log(process.getActiveResourcesInfo().sort().join() === before);
  `);
  expect(printed).toBe('true');
});

test.each([
  ['in the middle of a probe', 'await sleep(60); process.exitCode = 3;', 3],
  ['by process.exit() in the middle of a probe', 'await sleep(60); process.exit(3);', 3],
  ['by an error in the middle of a probe', "await sleep(60); throw new Error('the end');", 1],
])('a process with leaked checkouts that ends %s does not hang', async (_name, end, code) => {
  const body = `
    pool.on('error', () => {});
    guard.attach(guardPgPool(pool));
    guard.startMonitoring();
    const forget = async () => { const client = await pool.connect(); await client.query('select 1'); client.unref?.(); };
    for (let i = 0; i < 4; i++) await forget();
    ${end}
  `;
  const outcomes = await Promise.all(
    Array.from({ length: 2 }, () =>
      script(body).then(
        () => 0,
        (error) => error.code,
      ),
    ),
  );
  expect(outcomes).toEqual([code, code]);
});

test('a caller who awaits a check is answered, though nothing else keeps the process alive', async () => {
  const printed = await script(`
    const forget = () => { guard.track({}, 'thing'); };
    forget();
    const { trackedLost, probe } = await guard.checkForLeaks();
    console.log(trackedLost.length, probe.conclusive);
  `);
  expect(printed).toBe('1 true');
});

test('stop() ends a sampling of ten minutes at once, though nothing else keeps the process alive', async () => {
  const printed = await script(`
    guard.startMonitoring();
    const kept = [];
    const leak = setInterval(() => { for (let i = 0; i < 20000; i++) kept.push({ i }); }, 5);
    const verdict = async () => (await guard.checkForLeaks({ probe: false })).memory.verdict;
    while ((await verdict()) !== 'leak') await sleep(50);
    await sleep(50);
    clearInterval(leak);
    await guard.stop();
    console.log('stopped');
  `);
  expect(printed).toBe('stopped');
});

test('stop() in the middle of a probe resolves, though nothing else keeps the process alive', async () => {
  const printed = await script(`
    guard.startMonitoring();
    for (let i = 0; i < 5; i++) {
      await sleep(53 + 7 * i);
      await guard.stop();
      guard.startMonitoring();
    }
    await guard.stop();
    console.log('stopped');
  `);
  expect(printed).toBe('stopped');
});
