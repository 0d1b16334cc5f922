import { EventEmitter } from 'node:events';
import { FakeClock } from '@fynlo/testing/fake-clock';
import type pg from 'pg';
import { beforeEach, describe, expect, test } from 'vitest';
import { caught } from './_pg_conformance.ts';
import { readHosts } from './_pg_hosts.ts';
import type { Login } from './_pg_login.ts';
import { RoleWatch } from './_pg_role.ts';
import { Router } from './_pg_router.ts';
import { type KnownServer, ServerBook } from './_server_book.ts';
import { NoSuitableHostError } from './pg_errors.ts';
import type { PoolOptions } from './pg_options.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** A server of the test's making. */
interface Fake {
  standby: boolean;
  /** Never answers a login. */
  silent?: boolean;
}

let clock: FakeClock;
let servers: Record<string, Fake>;
let tried: string[];
let abandoned: string[];
let demoted: KnownServer[];

beforeEach(() => {
  clock = new FakeClock();
  tried = [];
  abandoned = [];
  demoted = [];
});

function router(options: PoolOptions, connectTimeoutMs = 10_000): Router {
  return new Router({
    hosts: readHosts(options, {}),
    book: new ServerBook(),
    clock,
    credentials: undefined,
    connectTimeoutMs,
    addressTimeoutMs: 2_000,
    maxReplicaLagMs: NEVER,
    lookup: undefined,
    directs: () => false,
    demoted: (known) => {
      known.roleChangedAt = clock.now();
      known.demotedAt = clock.now();
      demoted.push(known);
    },
    random: () => 0.5,
  });
}

function begin(changes: Readonly<Record<string, unknown>>): Login {
  const host = String(changes['host'] ?? 'a');
  tried.push(host);
  const fake = servers[host] as Fake;
  const connection = new EventEmitter();
  const client = {
    host,
    port: 5432,
    connection,
    query: async () => ({ rows: [{ standby: fake.standby, readOnly: false }] }),
  } as unknown as pg.Client;
  const role = new RoleWatch(client);
  const parameterValue = fake.standby ? 'on' : 'off';
  connection.emit('parameterStatus', { parameterName: 'in_hot_standby', parameterValue });
  connection.emit('parameterStatus', {
    parameterName: 'default_transaction_read_only',
    parameterValue: 'off',
  });
  return {
    client,
    role,
    done: fake.silent ? new Promise(() => {}) : Promise.resolve(),
    abandon: () => abandoned.push(host),
    dismiss: () => {},
  };
}

const connect = (to: Router): Promise<string> =>
  to.connect(new AbortController().signal, begin).then(({ server }) => server.host);

describe('a connect to several hosts', () => {
  const hosts = [{ host: 'a' }, { host: 'b' }, { host: 'c' }];

  test('gives each its own time, and all of them no more than there is', async () => {
    servers = {
      a: { standby: false, silent: true },
      b: { standby: false, silent: true },
      c: { standby: false, silent: true },
    };
    const failing = caught(connect(router({ hosts })));
    await clock.advance(1_999);
    expect(tried).toEqual(['a']);
    await clock.advance(2);
    expect([tried, abandoned]).toEqual([['a', 'b'], ['a']]);
    await clock.advance(2_000);
    expect([tried, abandoned]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b'],
    ]);
    // The last one has what is left of 10 s, less what it takes to say so.
    await clock.advance(5_500);
    expect(abandoned).toEqual(['a', 'b']);
    await clock.advance(400);
    const error = (await failing) as unknown as NoSuitableHostError;
    expect(error).toBeInstanceOf(NoSuitableHostError);
    expect(error.attempts.map(({ host }) => host)).toEqual(['a', 'b', 'c']);
  });

  test('ends with its signal: the attempt under way is abandoned, and no further one begun', async () => {
    servers = { a: { standby: false, silent: true } };
    const abort = new AbortController();
    const failing = caught(router({ hosts }).connect(abort.signal, begin));
    abort.abort(new Error('the pool ends'));
    expect((await failing).message).toBe('the pool ends');
    expect([tried, abandoned]).toEqual([['a'], ['a']]);
  });

  test('prefer-standby passes by a primary and comes back to it', async () => {
    servers = { a: { standby: false }, b: { standby: false, silent: true }, c: { standby: false } };
    const connecting = connect(router({ hosts, targetSessionAttrs: 'prefer-standby' }));
    await clock.advance(2_001);
    expect(await connecting).toBe('a');
    expect(tried).toEqual(['a', 'b', 'c']);
    servers = { a: { standby: false }, b: { standby: true }, c: { standby: true } };
    tried = [];
    expect(await connect(router({ hosts, targetSessionAttrs: 'prefer-standby' }))).toBe('b');
  });
});

describe('F31 a pool that has not said what it wants', () => {
  test('takes a standby that was one from the beginning', async () => {
    servers = { a: { standby: true } };
    expect(await connect(router({}))).toBe('a');
    expect(demoted).toEqual([]);
  });

  test('refuses what was the primary for 30 s after it was found to be a standby, then takes it', async () => {
    servers = { a: { standby: false } };
    const to = router({});
    await connect(to);
    (servers['a'] as Fake).standby = true;
    expect((await caught(connect(to))).message).toContain('is a hot standby');
    expect(demoted).toHaveLength(1);
    await clock.advance(29_000);
    expect(await caught(connect(to))).toBeInstanceOf(NoSuitableHostError);
    await clock.advance(2_000);
    expect(await connect(to)).toBe('a');
    expect(demoted).toHaveLength(1);
  });

  test('with any, takes it at once', async () => {
    servers = { a: { standby: false } };
    const to = router({ targetSessionAttrs: 'any' });
    await connect(to);
    (servers['a'] as Fake).standby = true;
    expect(await connect(to)).toBe('a');
  });
});

test('after a role was lost the server is asked: what it greets with may be old, as a pooler keeps it', async () => {
  servers = { a: { standby: false } };
  const to = router({ targetSessionAttrs: 'read-write' });
  await connect(to);
  (servers['a'] as Fake).standby = true;
  await caught(connect(to));
  expect(demoted).toHaveLength(1);
  const greetedAsPrimary = (changes: Readonly<Record<string, unknown>>): Login => {
    (servers['a'] as Fake).standby = false;
    const login = begin(changes);
    (servers['a'] as Fake).standby = true;
    return login;
  };
  const connecting = to.connect(new AbortController().signal, greetedAsPrimary);
  expect(await caught(connecting)).toBeInstanceOf(NoSuitableHostError);
});
