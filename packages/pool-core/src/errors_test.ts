import { describe, expect, it } from 'vitest';
import {
  AcquireTimeoutError,
  ConnectFailedError,
  describeSituation,
  messageOf,
  PoolClosedError,
  PoolError,
  type PoolSituation,
} from './errors.ts';

const situation: PoolSituation = {
  name: 'orders',
  state: 'ready',
  size: 20,
  idle: 0,
  leased: 19,
  connecting: 1,
  waiting: 7,
  max: 50,
  ceiling: 20,
  ceilingReason: 'the last growth bought little throughput',
  longestHeld: { leaseId: 3, connectionId: 2, heldMs: 61_234.5, label: 'nightly report' },
};

describe('AcquireTimeoutError', () => {
  it('tells a person on call what to look at', () => {
    const error = new AcquireTimeoutError({
      waitedMs: 1_000.4,
      timeoutMs: 1_000,
      deadline: 'acquireTimeoutMs',
      situation,
    });
    expect(error.message).toBe(
      'No connection after 1000 ms (acquireTimeoutMs 1000): all connections are in use. ' +
        'Pool "orders" (ready): 20 of 50 connections (held at 20: the last growth bought little throughput), ' +
        '19 leased, 0 idle, 1 connecting, 7 waiting; lease 3 "nightly report" has been out longest, 61235 ms',
    );
    expect(error).toMatchObject({ because: 'busy', code: 'ERR_POOL_ACQUIRE_TIMEOUT' });
    expect(error.cause).toBeUndefined();
  });

  it('keeps the last connect error as its cause, and says that the server is the trouble', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const error = new AcquireTimeoutError(
      {
        waitedMs: 5,
        timeoutMs: 5,
        deadline: 'timeoutMs',
        situation: { ...situation, state: 'down', downForMs: 2_000 },
      },
      cause,
    );
    expect(error.cause).toBe(cause);
    expect(error.because).toBe('down');
    expect(error.message).toContain('the server has not answered for 2000 ms');
    expect(error.message).toContain('last connect error: connect ECONNREFUSED');
  });

  it('calls a pool busy whose connections are out, although a connect failed meanwhile', () => {
    const error = new AcquireTimeoutError(
      { waitedMs: 5, timeoutMs: 5, deadline: 'timeoutMs', situation },
      new Error('too many clients'),
    );
    expect(error.because).toBe('busy');
  });
});

it('every error is a PoolError and an Error, with a name of its own', () => {
  const error = new PoolClosedError('orders');
  expect(error).toBeInstanceOf(PoolError);
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe('PoolClosedError');
  expect(error.message).toBe('Cannot acquire a connection: end() was called on pool "orders"');
});

describe('messageOf()', () => {
  it.each([
    ['an error', new Error('boom'), 'boom'],
    ['a string', 'boom', 'boom'],
    [
      'an AggregateError, as node throws them for a name with several addresses',
      new AggregateError([new Error('connect ECONNREFUSED ::1')]),
      'connect ECONNREFUSED ::1',
    ],
    ['an error with nothing but a code', Object.assign(new Error(''), { code: 'EPIPE' }), 'EPIPE'],
    ['an error with nothing at all', new TypeError(''), 'TypeError'],
  ])('of %s is never empty', (_, error, wanted) => {
    expect(messageOf(error)).toBe(wanted);
  });

  it('is what ConnectFailedError says', () => {
    const error = new ConnectFailedError('orders', new Error('password authentication failed'));
    expect(error.message).toBe(
      'Pool "orders" cannot open a connection: password authentication failed',
    );
  });
});

it('describeSituation() leaves out what there is not', () => {
  const { ceilingReason: _, longestHeld: __, ...plain } = { ...situation, ceiling: 50 };
  expect(describeSituation(plain, undefined)).toBe(
    'Pool "orders" (ready): 20 of 50 connections, 19 leased, 0 idle, 1 connecting, 7 waiting',
  );
});
