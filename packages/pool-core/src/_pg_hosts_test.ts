import { describe, expect, test } from 'vitest';
import { readHosts } from './_pg_hosts.ts';
import { InvalidOptionError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';

const places = (options: PoolOptions, env = {}): unknown[] =>
  readHosts(options, env).hosts.map(({ changes }) => [changes['host'], changes['port']]);

describe('readHosts() finds the list', () => {
  test.each<[string, PoolOptions, unknown[]]>([
    ['none', { host: 'a', port: 1 }, [[undefined, undefined]]],
    [
      'hosts',
      { hosts: [{ host: 'a' }, { host: 'b', port: 2 }] },
      [
        ['a', 5432],
        ['b', 2],
      ],
    ],
    ['hosts with the pool-wide port', { hosts: [{ host: 'a' }], port: 7 }, [['a', 7]]],
    [
      'host and one port',
      { host: 'a,b', port: 6 },
      [
        ['a', 6],
        ['b', 6],
      ],
    ],
    [
      'host and ports',
      { host: 'a,b', port: '1,2' as never },
      [
        ['a', 1],
        ['b', 2],
      ],
    ],
    [
      'an empty port',
      { host: 'a,b', port: ',2' as never },
      [
        ['a', 5432],
        ['b', 2],
      ],
    ],
    [
      'a URL',
      { connectionString: 'postgres://u:p@a:1,b/db' },
      [
        ['a', 1],
        ['b', 5432],
      ],
    ],
    [
      'IPv6',
      { connectionString: 'postgresql://u@[::1]:1,[::2]/db' },
      [
        ['::1', 1],
        ['::2', 5432],
      ],
    ],
    [
      'parameters',
      { connectionString: 'postgres:///db?host=a,/run/pg&port=1,2' },
      [
        ['a', 1],
        ['/run/pg', 2],
      ],
    ],
    [
      'one host in a URL is left to pg',
      { connectionString: 'postgres://u@a:1/db' },
      [[undefined, undefined]],
    ],
  ])('%s', (_, options, expected) => {
    expect(places(options)).toEqual(expected);
  });

  test('in PGHOST and PGPORT, unless the options say otherwise', () => {
    const env = { PGHOST: 'a,b', PGPORT: '1,2' };
    expect(places({}, env)).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(places({ host: 'c' }, env)).toEqual([[undefined, undefined]]);
  });
});

describe('readHosts() gives pg a string for one host', () => {
  test.each([
    [
      'postgres://u:p%40s@a:1,b:2/db?target_session_attrs=primary&application_name=x%20y&sslmode=disable',
      'postgres://u:p%40s@a:1/db?application_name=x%20y&sslmode=disable',
      'postgres://u:p%40s@b:2/db?application_name=x%20y&sslmode=disable',
    ],
    [
      'postgres:///db?host=/run/pg,b&user=me',
      'postgres://localhost:5432/db?user=me&host=%2Frun%2Fpg',
      'postgres://b:5432/db?user=me',
    ],
    ['postgres://[::1],[::2]:3/db', 'postgres://[::1]:5432/db', 'postgres://[::2]:3/db'],
  ])('%s', (connectionString, ...expected) => {
    const strings = readHosts({ connectionString }, {}).hosts.map(
      ({ changes }) => changes['connectionString'],
    );
    expect(strings).toEqual(expected);
  });
});

test('readHosts() finds what is wanted of a server in options, string and environment', () => {
  const connectionString = 'postgres://a/db?target_session_attrs=standby&load_balance_hosts=random';
  expect(readHosts({ connectionString }, {})).toMatchObject({
    attrs: 'standby',
    loadBalance: true,
  });
  expect(readHosts({ targetSessionAttrs: 'read-write' }, {}).attrs).toBe('read-write');
  const env = { PGTARGETSESSIONATTRS: 'primary', PGLOADBALANCEHOSTS: 'random' };
  expect(readHosts({}, env)).toMatchObject({ attrs: 'primary', loadBalance: true });
  expect(readHosts({}, {})).toMatchObject({ attrs: undefined, loadBalance: false });
});

describe('readHosts() refuses', () => {
  test.each<[string, PoolOptions]>([
    ['an empty list', { hosts: [] }],
    ['a host beside a list', { host: 'a', hosts: [{ host: 'b' }] }],
    ['a host without a name', { hosts: [{ host: '' }] }],
    ['other numbers of ports than of hosts', { host: 'a,b,c', port: '1,2' as never }],
    ['a port that is none', { connectionString: 'postgres://a:1,b:x/db' }],
    ['an unknown targetSessionAttrs', { targetSessionAttrs: 'master' as never }],
    [
      'two that differ',
      { targetSessionAttrs: 'any', connectionString: 'postgres://a/?target_session_attrs=primary' },
    ],
    ['a loadBalanceHosts that is no flag', { loadBalanceHosts: 'random' as never }],
  ])('%s', (_, options) => {
    expect(() => readHosts(options, {})).toThrow(InvalidOptionError);
  });
});
