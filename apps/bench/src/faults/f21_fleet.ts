import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { atMost, exactly, type Fault } from './fault.ts';
import type { FleetOrder, FleetReply } from './fleet_process.ts';
import { mostWithin } from './most_within.ts';

const EACH = 4;
/** What a pool may need to find out that the server is gone, ms. */
const FOUND_OUT_MS = 2_000;
const TENTH_MS = 100;
const BACK_MS = 5_000;

export const fleetOutage: Fault = {
  id: 'F21',
  name: 'fleet-outage',
  happens:
    'the server refuses twenty processes with four connections and four callers each, for 12 s (full: fifty, for 10 min), and comes back',
  must: 'knock gently meanwhile, and come back one after the other rather than all at once',
  criteria: [
    atMost('knocksPerSecond', 5, '/s', 'connects that each process begins meanwhile'),
    atMost('worstTenth', 0.25, '', 'of all connections, so many begun in the worst 0.1 s after'),
    atMost('servedMs', BACK_MS, 'ms', 'last process served after'),
    exactly('unserved', 0, 'processes unserved 5 s after'),
    exactly('uncaught', 0, 'errors that end a process, in all of them'),
  ],
  limitMs: { quick: 60_000, full: 720_000 },
  async run(bench) {
    const processes = bench.isFull ? 50 : 20;
    const outageMs = bench.isFull ? 600_000 : 12_000;
    const { url: database } = await bench.server({ maxConnections: processes * EACH + 20 });
    const { proxy, url } = await bench.proxy(database);
    const options = { databaseUrl: url, max: EACH, acquireTimeoutMs: 2_000 };
    const entry = createRequire(import.meta.url).resolve('@fynlo/bench/fleet-process');
    const fleet = Array.from({ length: processes }, () =>
      fork(entry, [], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }),
    );
    try {
      const subject = bench.subject.name;
      for (const member of fleet) {
        await asked(member, { kind: 'open', subject, options, callers: EACH });
      }
      await sleep(1_000);
      const downAt = now();
      proxy.set('refuse');
      proxy.cutAll('reset');
      await sleep(outageMs);
      const backAt = now();
      proxy.set('pass');
      await sleep(BACK_MS);
      const replies = await Promise.all(fleet.map((member) => asked(member, { kind: 'report' })));
      const reports = replies.filter((reply) => reply.kind === 'report');
      const connects = reports.flatMap(({ connectsAt }) => connectsAt);
      const served = reports.map(({ servedAt }) => firstAfter(servedAt, backAt));
      const after = connects.filter((at) => at >= backAt);
      const meanwhile = connects.filter((at) => at >= downAt + FOUND_OUT_MS && at < backAt);
      return {
        knocksPerSecond: meanwhile.length / ((outageMs - FOUND_OUT_MS) / 1_000) / processes,
        worstTenth: mostWithin(TENTH_MS, after) / (processes * EACH),
        servedMs: Math.max(...served),
        unserved: served.filter((ms) => ms === Infinity).length,
        uncaught: reports.reduce((sum, { uncaught }) => sum + uncaught, 0),
      };
    } finally {
      const alive = fleet.filter(({ exitCode, signalCode }) => (exitCode ?? signalCode) === null);
      const exits = alive.map((member) => once(member, 'exit'));
      for (const member of alive) if (member.connected) member.disconnect();
      await Promise.all(exits);
    }
  },
};

/** @throws when it cannot do it, or is gone: it would never answer */
async function asked(member: ChildProcess, order: FleetOrder): Promise<FleetReply> {
  const settled = new AbortController();
  const { signal } = settled;
  const gone = once(member, 'exit', { signal }).then(([code, killedBy]) => {
    throw new Error(`a process of the fleet ended with ${killedBy ?? code}`);
  });
  try {
    const answer = once(member, 'message', { signal });
    member.send(order);
    const [reply] = (await Promise.race([answer, gone])) as [FleetReply];
    if (reply.kind === 'failed') throw new Error(`a process of the fleet: ${reply.reason}`);
    return reply;
  } finally {
    settled.abort();
  }
}

/** Of the machine's clock, as the processes give their times. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function firstAfter(times: readonly number[], from: number): number {
  return (times.find((at) => at >= from) ?? Number.POSITIVE_INFINITY) - from;
}
