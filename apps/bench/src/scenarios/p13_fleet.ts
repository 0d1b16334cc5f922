import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import type { PoolConfig } from 'pg';
import type { Moment } from './p13_recovery.ts';
import type { WorkerOrder, WorkerPool, WorkerReply } from './p13_worker.ts';

/** Several processes with a pool each, on one server. */
export class Fleet implements AsyncDisposable {
  readonly #workers: readonly ChildProcess[];

  private constructor(workers: readonly ChildProcess[]) {
    this.#workers = workers;
  }

  static async start(processes: number, pool: WorkerPool, options: PoolConfig): Promise<Fleet> {
    const entry = createRequire(import.meta.url).resolve('@fynlo/bench/metastability-worker');
    const fleet = new Fleet(
      Array.from({ length: processes }, () =>
        fork(entry, [], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
      ),
    );
    await fleet.open(pool, options);
    return fleet;
  }

  /** A new pool in each, in the place of the one before. */
  async open(pool: WorkerPool, options: PoolConfig): Promise<void> {
    await this.#all(() => ({ kind: 'open', pool, options }), 'opened');
  }

  /** Answers a second of all together, when so many callers in each ask as fast as they are answered. */
  async capacity(callers: number, forMs: number): Promise<number> {
    const replies = await this.#all(() => ({ kind: 'measure', callers, forMs }), 'measured');
    return replies.reduce((sum, { perSecond }) => sum + perSecond, 0);
  }

  /** An open loop of this rate over all of them; resolves when the time is over. */
  async load(ratePerSecond: number, forMs: number, seed: number): Promise<(readonly Moment[])[]> {
    const share = ratePerSecond / this.#workers.length;
    const replies = await this.#all(
      (i) => ({ kind: 'load', ratePerSecond: share, forMs, seed: seed * 100 + i }),
      'loaded',
    );
    return replies.map(({ moments }) => moments);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#workers.map(
        (worker) =>
          new Promise<void>((resolve) => {
            if (worker.exitCode !== null || worker.signalCode !== null) return resolve();
            worker.once('exit', () => resolve());
            worker.kill('SIGKILL');
          }),
      ),
    );
  }

  #all<Kind extends WorkerReply['kind']>(
    order: (i: number) => WorkerOrder,
    kind: Kind,
  ): Promise<Extract<WorkerReply, { kind: Kind }>[]> {
    return Promise.all(this.#workers.map((worker, i) => ask(worker, order(i), kind)));
  }
}

function ask<Kind extends WorkerReply['kind']>(
  worker: ChildProcess,
  order: WorkerOrder,
  kind: Kind,
): Promise<Extract<WorkerReply, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error(`a process ended before it had ${kind}`));
    worker.once('exit', onExit);
    worker.once('message', (reply: WorkerReply) => {
      worker.off('exit', onExit);
      if (reply.kind === kind) resolve(reply as Extract<WorkerReply, { kind: Kind }>);
      else reject(new Error(reply.kind === 'failed' ? reply.message : `answered ${reply.kind}`));
    });
    worker.send(order);
  });
}
