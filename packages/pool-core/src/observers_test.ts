import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, vi } from 'vitest';
import { DynamicConnectionPoolManager, InvalidOptionError, type PoolObserver } from './manager.ts';

function setUp(name = 'watched') {
  let id = 0;
  return new DynamicConnectionPoolManager({
    name,
    minConnections: 0,
    maxConnections: 1,
    factory: { create: () => ({ id: ++id }), destroy: () => undefined },
  });
}

describe('observe()', () => {
  it('tells each fact once, in order, with ids and numbers and no objects of the pool', async () => {
    const manager = setUp();
    const told: [string, unknown][] = [];
    const tell = (fact: string) => (event: unknown) => void told.push([fact, event]);
    manager.observe({
      acquired: tell('acquired'),
      released: tell('released'),
      rejected: tell('rejected'),
      created: tell('created'),
      destroyed: tell('destroyed'),
      stateChanged: tell('stateChanged'),
      closed: () => void told.push(['closed', undefined]),
    });
    const lease = await manager.getConnection({ label: 'checkout' });
    await manager.getConnection({ timeoutMs: 1 }).catch(() => undefined);
    await lease.release();
    await manager.end();
    const number = expect.any(Number);
    expect(told).toEqual([
      ['created', { connectionId: 1, tookMs: number }],
      ['acquired', { leaseId: 1, connectionId: 1, waitedMs: number, label: 'checkout' }],
      ['rejected', { code: 'ERR_POOL_ACQUIRE_TIMEOUT', waitedMs: number }],
      ['released', { leaseId: 1, connectionId: 1, heldMs: number }],
      ['destroyed', { connectionId: 1, reason: 'closing' }],
      ['closed', undefined],
      ['stateChanged', { from: 'ready', to: 'closed' }],
    ]);
  });

  it.each([null, undefined, 5, () => 1])(
    'refuses %s, and listens to nobody for it',
    async (observer) => {
      const manager = setUp();
      expect(() => manager.observe(observer as never)).toThrow(InvalidOptionError);
      await (await manager.getConnection()).release();
      await manager.end();
    },
  );

  it('takes the promise of an observer that fails for a throw: warned of once, and nobody else’s', async () => {
    const manager = setUp('promised');
    const warned = new Promise((resolve) => process.once('warning', resolve));
    manager.observe({ acquired: async () => Promise.reject(new Error('too slow')) });
    await (await manager.getConnection()).release();
    expect(String(await warned)).toContain('acquired(): Error: too slow');
    await manager.end();
  });

  it('hands the lease only to those who declare that they track leases', async () => {
    const manager = setUp();
    const seen: (object | undefined)[] = [];
    const acquired: NonNullable<PoolObserver['acquired']> = ({ lease }) => void seen.push(lease);
    manager.observe({ acquired });
    manager.observe({ tracksLeases: true, acquired });
    const first = await manager.getConnection();
    expect(seen).toEqual([undefined, first]);
    void first.release();
    const second = await manager.getConnection();
    expect(seen.slice(2)).toEqual([undefined, second]);
  });

  it('tells that an acquire has begun within the call, with the id that all later facts carry', async () => {
    const manager = setUp();
    const told: [string, number | undefined][] = [];
    let site = '';
    const caller = (): ReturnType<typeof manager.getConnection> => manager.getConnection();
    manager.observe({
      acquiring: ({ leaseId, entry }) => {
        told.push(['acquiring', leaseId]);
        const holder: { stack?: string } = {};
        Error.captureStackTrace(holder, entry);
        site = holder.stack?.split('\n')[1] ?? '';
      },
      acquired: ({ leaseId }) => void told.push(['acquired', leaseId]),
      released: ({ leaseId }) => void told.push(['released', leaseId]),
      rejected: ({ leaseId }) => void told.push(['rejected', leaseId]),
    });
    const asked = caller();
    expect(told[0]).toEqual(['acquiring', 1]);
    expect(site).toContain('caller');
    const first = await asked;
    const second = manager.getConnection();
    await manager.getConnection({ timeoutMs: 1 }).catch(() => undefined);
    await first.release();
    expect((await second).id).toBe(2);
    expect(told).toEqual([
      ['acquiring', 1],
      ['acquired', 1],
      ['acquiring', 2],
      ['acquiring', 3],
      ['rejected', 3],
      ['released', 1],
      ['acquired', 2],
    ]);
  });

  it('F68: one that throws reaches neither the pool nor the others, and is warned about once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      const manager = setUp();
      let heard = 0;
      const broken = (): never => {
        throw new Error('broken observer');
      };
      manager.observe({ acquired: broken, released: broken, created: broken });
      manager.observe({ acquired: () => void heard++ });
      for (let i = 0; i < 3; i++) await manager.withConnection(() => undefined);
      expect(heard).toBe(3);
      expect(warn).toHaveBeenCalledTimes(1);
      expect(String(warn.mock.calls[0]?.[0])).toContain('broken observer');
    } finally {
      warn.mockRestore();
    }
  });

  it('stops when told to, also from within a fact', async () => {
    const manager = setUp();
    let heard = 0;
    const stop = manager.observe({
      acquired: () => {
        heard++;
        stop();
      },
    });
    for (let i = 0; i < 3; i++) await manager.withConnection(() => undefined);
    expect(heard).toBe(1);
  });

  it('on() listens to one fact', async () => {
    const manager = setUp();
    const held: number[] = [];
    const stop = manager.on('released', ({ leaseId }) => void held.push(leaseId));
    await manager.withConnection(() => undefined);
    stop();
    await manager.withConnection(() => undefined);
    expect(held).toEqual([1]);
  });
});

describe('diagnostics_channel', () => {
  it('publishes the same facts as fynlo:pool:*, with the name of the pool', async () => {
    const messages: unknown[] = [];
    const listen = (message: unknown): void => void messages.push(message);
    subscribe('fynlo:pool:acquired', listen);
    subscribe('fynlo:pool:closed', listen);
    try {
      const manager = setUp('billing');
      await manager.withConnection(() => undefined);
      await manager.end();
    } finally {
      unsubscribe('fynlo:pool:acquired', listen);
      unsubscribe('fynlo:pool:closed', listen);
    }
    expect(messages).toEqual([
      { pool: 'billing', leaseId: 1, connectionId: 1, waitedMs: expect.any(Number) },
      { pool: 'billing' },
    ]);
  });
});

describe('stats() and explain()', () => {
  it('count every acquire exactly once, and say in words what was decided', async () => {
    const manager = setUp();
    const lease = await manager.getConnection();
    const abort = new AbortController();
    const aborted = manager.getConnection({ signal: abort.signal }).catch(() => undefined);
    const late = manager.getConnection({ timeoutMs: 1 }).catch(() => undefined);
    abort.abort();
    await Promise.all([aborted, late]);
    await lease.release(new Error('broken'));
    await manager.end();
    await manager.getConnection().catch(() => undefined);
    expect(manager.stats()).toMatchObject({
      state: 'closed',
      size: 0,
      acquires: 1,
      releases: 1,
      acquireTimeouts: 1,
      acquireAborts: 1,
      created: 1,
      destroyed: { 'released-with-error': 1 },
      wait: { count: 1 },
      use: { count: 1 },
      create: { count: 1 },
    });
    expect(manager.explain()).toContain('size 0 -> 1, as a connect was sooner for the 1 waiting');
    expect(manager.explain()).toContain('1 answered');
  });
});
