import { EventEmitter } from 'node:events';

/** How long a stub takes, ms. 0: on the next tick. */
export interface StubTimes {
  readonly connectMs: number;
  readonly queryMs: number;
}

/** Made by {@link stubClient}; `made` counts its instances. */
export interface StubClientClass {
  new (): EventEmitter;
  readonly made: number;
}

/**
 * A client without a server, so that what is measured is the pool's own cost (HikariCP-benchmark's stub driver). It has
 * the part of pg's Client that pg-pool and its stand-ins use.
 */
export function stubClient({ connectMs, queryMs }: StubTimes): StubClientClass {
  const after = (ms: number, done: () => void): void => {
    if (ms === 0) process.nextTick(done);
    else setTimeout(done, ms);
  };
  return class StubClient extends EventEmitter {
    static made = 0;
    readonly _queryable: boolean = true;
    readonly _ending: boolean = false;
    readonly connection: { stream: { destroy(): void } } = { stream: { destroy() {} } };

    constructor() {
      super();
      StubClient.made++;
    }

    connect(done: (error?: Error) => void): void {
      after(connectMs, () => done());
    }

    query(
      _text: unknown,
      values: unknown,
      done?: (error: unknown, result: unknown) => void,
    ): unknown {
      const callback = typeof values === 'function' ? (values as typeof done) : done;
      const result = { rows: [], rowCount: 0, command: 'SELECT' };
      if (callback === undefined)
        return new Promise((resolve) => after(queryMs, () => resolve(result)));
      after(queryMs, () => callback(undefined, result));
      return undefined;
    }

    getTransactionStatus(): 'I' {
      return 'I';
    }

    isConnected(): boolean {
      return true;
    }

    ref(): void {}

    unref(): void {}

    end(done?: () => void): Promise<void> {
      after(0, () => {
        this.emit('end');
        done?.();
      });
      return Promise.resolve();
    }
  };
}
