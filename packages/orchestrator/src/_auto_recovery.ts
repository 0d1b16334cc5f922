import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from '@fynlo/pool-core';
import { HostMonitor } from './_host_monitor.ts';
import { PoolSampler } from './_pool_sampler.ts';
import { type Recovery, recoveryOf } from './_recovery_policy.ts';
import { hostEvidence } from './_saturation_evidence.ts';
import { arrivals, steady } from './arrivals.ts';
import { runOpenLoop } from './open_loop.ts';
import { ProcessMonitor } from './process_monitor.ts';
import type { AutoRecoveryResult, RecoveryEpisode, RecoveryMoment } from './recovery_result.ts';
import type { RunContext } from './run_context.ts';
import { seededRandom } from './seeded_random.ts';

/**
 * Auto-recovery: a steady load, then the server is killed and comes back two seconds later; and again, the connections
 * open now fall silent (no end, no error: a cut cable, a forgetful load balancer) while new ones work.
 */
export async function autoRecovery(context: RunContext): Promise<AutoRecoveryResult> {
  const startedAt = Date.now();
  const begun = performance.now();
  const { serverControl, proxyControl, signal } = context;
  let cut: RecoveryEpisode | null = null;
  let restart: RecoveryEpisode | null = null;
  try {
    if (proxyControl !== undefined) {
      cut = await episode(context, proxyControl.databaseUrl, 0, 'connections cut silently', {
        lastsMs: 0,
        begin: async () => proxyControl.cut(),
        end: async () => undefined,
      });
    }
    if (serverControl !== undefined) {
      restart = await episode(context, context.databaseUrl, 0.5, 'server killed', {
        lastsMs: context.profile.recovery.downMs,
        begin: () => serverControl.kill(),
        end: async () => {
          // Also when the run is being aborted: a server left dead would outlive it.
          await sleep(context.profile.recovery.downMs, undefined, { signal }).catch(
            () => undefined,
          );
          await serverControl.restart();
        },
      });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await proxyControl?.heal();
  }
  return {
    name: 'recovery',
    startedAt,
    tookMs: performance.now() - begun,
    partial: signal.aborted,
    restart,
    cut,
  };
}

interface Fault {
  /** How long service is impossible at least. */
  readonly lastsMs: number;
  begin(): Promise<void>;
  /** Resolves when service is possible again. */
  end(): Promise<void>;
}

async function episode(
  context: RunContext,
  url: string,
  done: number,
  what: string,
  fault: Fault,
): Promise<RecoveryEpisode> {
  const { ratePerSecond, steadyMs, watchMs, maxConnections } = context.profile.recovery;
  const pool = new Pool({
    connectionString: url,
    application_name: 'fynlo-recovery',
    minConnections: 2,
    maxConnections,
    acquireTimeoutMs: 10_000,
  });
  pool.on('error', () => undefined);
  const sampler = new PoolSampler(pool, undefined, 250);
  const unwatch = context.recorder.watch({
    scenario: 'recovery',
    pool: { metrics: () => pool.metrics(), sample: () => sampler.latest },
    offeredPerSecond: () => ratePerSecond,
  });
  const host = HostMonitor.start();
  const own = ProcessMonitor.start();
  const startedAt = performance.now();
  const random = seededRandom(context.seed + 31 + done);
  const enough = new AbortController();
  const successes: number[] = [];
  const failures: number[] = [];
  try {
    context.progress('recovery', done, `${what}: steady load`);
    const load = runOpenLoop({
      due: arrivals([steady(steadyMs + fault.lastsMs + watchMs, ratePerSecond)], random),
      signal: context.signal,
      enough: enough.signal,
      // A caller on a connection that fell silent has to be told within this.
      drainMs: 4_000,
      work: async (request) => {
        try {
          const id = 1 + Math.floor(random() * context.table.rows);
          await pool.withConnection(
            (client) => client.query(`select id from ${context.table.name} where id = $1`, [id]),
            { signal: context.signal },
          );
          successes.push(performance.now());
          context.recorder.response(performance.now() - request.intendedAt);
        } catch (error) {
          failures.push(performance.now());
          throw error;
        }
      },
    });
    load.catch(() => undefined);
    await sleep(steadyMs, undefined, { signal: context.signal });
    context.progress('recovery', done + 0.1, what);
    const faultAt = performance.now();
    const before = successes.filter((at) => at > startedAt + steadyMs / 3).length;
    const steadyPerSecond = (1000 * before) / ((steadyMs * 2) / 3);
    await fault.begin();
    await fault.end();
    context.signal.throwIfAborted();
    const possibleAt = performance.now();
    context.progress('recovery', done + 0.2, `${what}: service is possible again`);
    const watched = { successes, faultAt, possibleAt, steadyPerSecond };
    const lastAt = startedAt + steadyMs + fault.lastsMs + watchMs;
    while (
      performance.now() < lastAt &&
      !isSteadyAgain(recoveryOf({ ...watched, endAt: performance.now() }), possibleAt)
    ) {
      await sleep(100, undefined, { signal: context.signal });
    }
    const endAt = Math.min(performance.now(), lastAt);
    enough.abort();
    const report = await load;
    return {
      offeredPerSecond: ratePerSecond,
      steadyPerSecond,
      outageMs: possibleAt - faultAt,
      ...recoveryOf({ ...watched, endAt }),
      watchedMs: endAt - possibleAt,
      errors: report.errors,
      failed: report.failed,
      unfinished: report.unfinished,
      connects: pool.stats().created,
      timeline: timeline(successes, failures, sampler, faultAt),
      evidence: hostEvidence(host.stop(), own.stop(), context.limits, report.hostLag.p95),
      explanation: pool.explain(),
    };
  } finally {
    own.stop();
    unwatch();
    sampler.stop();
    await pool.end({ graceMs: 500 });
  }
}

/** Nothing more is to be learned once the steady rate has held for this long. */
const HELD_MS = 2_000;

function isSteadyAgain({ toSteadyMs }: Recovery, possibleAt: number): boolean {
  return toSteadyMs !== null && performance.now() - possibleAt - toSteadyMs >= HELD_MS;
}

const GRAIN_MS = 250;

function timeline(
  successes: readonly number[],
  failures: readonly number[],
  sampler: PoolSampler,
  faultAt: number,
): RecoveryMoment[] {
  return sampler.samples.map((sample) => {
    const within = (at: number): boolean => at > sample.at - GRAIN_MS && at <= sample.at;
    return {
      atMs: Math.round(sample.at - faultAt),
      successes: successes.filter(within).length,
      failures: failures.filter(within).length,
      poolSize: sample.size,
    };
  });
}
