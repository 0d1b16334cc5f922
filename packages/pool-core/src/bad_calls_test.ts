/** Nonsense in one call, or from a hook: an error that names it, and the manager goes on. */
import { describe, expect, it } from 'vitest';
import { caught } from './_pg_conformance.ts';
import {
  type AcquireOptions,
  AcquireTimeoutError,
  type ConnectionFactory,
  DynamicConnectionPoolManager,
  InvalidOptionError,
} from './manager.ts';

const noText = Object.create(null) as object;
const unwilling = {
  toString(): never {
    throw new Error('not for you');
  },
};

function make(
  factory: Partial<ConnectionFactory<object>> = {},
): DynamicConnectionPoolManager<object> {
  return new DynamicConnectionPoolManager<object>({
    minConnections: 0,
    maxConnections: 1,
    acquireTimeoutMs: 50,
    factory: { create: () => ({}), destroy: () => undefined, ...factory },
  });
}

describe('getConnection() refuses', () => {
  it.each<[option: string, options: unknown]>([
    ['timeoutMs', { timeoutMs: '50' }],
    ['timeoutMs', { timeoutMs: -1 }],
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['timeoutMs', { timeoutMs: null }],
    ['label', { label: Symbol('report') }],
    ['label', { label: unwilling }],
    ['label', { label: 5 }],
    ['signal', { signal: 'soon' }],
    ['timeout', { timeout: 5 }],
    ['options', null],
    ['options', 'report'],
  ])('%s, with a connection idle or out: %o', async (option, options) => {
    await using manager = make();
    const refused = { code: 'ERR_POOL_INVALID_OPTION', option };
    const held = await manager.getConnection();
    expect(await caught(manager.getConnection(options as AcquireOptions))).toMatchObject(refused);
    await held.release();
    expect(await caught(manager.getConnection(options as AcquireOptions))).toMatchObject(refused);
    expect(await manager.withConnection(() => 'served')).toBe('served');
    expect(manager.stats()).toMatchObject({ leased: 0, waiting: 0, idle: 1 });
  });
});

describe('what is said to a running manager is refused', () => {
  it.each([[undefined], [null], [{ maximum: 3 }], [{ max: null }], [{ max: '3' }]])(
    'resize(%o)',
    async (bounds) => {
      await using manager = make();
      expect(() => manager.resize(bounds as never)).toThrow(InvalidOptionError);
      expect(manager.stats().max).toBe(1);
    },
  );

  it('an observer, or a listener, of something else than functions', async () => {
    await using manager = make();
    expect(() => manager.observe({ acquired: 'told' } as never)).toThrow('observer.acquired');
    expect(() => manager.on('acquierd' as never, noText as never)).toThrow('wanted: acquiring, ');
    expect(() => manager.on('acquired', undefined as never)).toThrow('listener');
    expect(manager.pool.observers.hearsLeases).toBe(false);
  });

  it('an observer whose own code fails as it is read: it is not there afterwards', async () => {
    await using manager = make();
    const failing = {
      get tracksLeases(): boolean {
        throw new Error('of the observer');
      },
    };
    expect(() => manager.observe(failing)).toThrow('of the observer');
    manager.observe({});
    await manager.withConnection(() => undefined);
  });

  it('a clock with only a part of its hands', () => {
    const clock = { setTimeout: () => ({ cancel: () => undefined }) } as never;
    const factory = { create: () => ({}), destroy: () => undefined };
    expect(() => new DynamicConnectionPoolManager({ factory, clock })).toThrow(InvalidOptionError);
  });

  it.each([noText, unwilling])('a value that has no text, %#', (minConnections) => {
    const factory = { create: () => ({}), destroy: () => undefined };
    const options = { factory, minConnections } as never;
    expect(() => new DynamicConnectionPoolManager(options)).toThrow(
      'Invalid minConnections: object (wanted: ',
    );
  });
});

it.each([[undefined], [Symbol('no')], [noText], [unwilling], [Object.freeze(new Error('no'))]])(
  'a factory that fails with anything at all, %#, is down, and its callers are told in time',
  async (failure) => {
    await using manager = make({ create: () => Promise.reject(failure) });
    const error = await caught(manager.getConnection());
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error).toHaveProperty('because', 'down');
    expect(error.cause).toBe(failure);
    manager.explain();
  },
);
