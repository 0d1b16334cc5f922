import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { ServiceNotOwnedError, ServiceStartError } from './errors.ts';
import { type RunningPostgres, startPostgres } from './postgres.ts';
import { type RunningStandby, startStandby } from './standby.ts';

describe('a standby', () => {
  let primary: RunningPostgres;
  let standby: RunningStandby;

  beforeAll(async () => {
    primary = await startPostgres({ external: false, replication: true, maxConnections: 123 });
    await ask(primary.url, 'create table before as select 1 as n');
    standby = await startStandby({ of: primary });
  });

  afterAll(async () => {
    await Promise.all([standby?.stop(), primary?.stop()]);
  });

  test('has what was there before, gets what comes after, and takes no writes', async () => {
    await ask(primary.url, 'create table after as select 2 as n');
    await standby.caughtUp();
    expect(await ask(standby.url, 'select n from before')).toBe(1);
    expect(await ask(standby.url, 'select n from after')).toBe(2);
    expect(await ask(standby.url, 'select pg_is_in_recovery()')).toBe(true);
    await expect(ask(standby.url, 'create table refused ()')).rejects.toMatchObject({
      code: '25006',
    });
    expect(await ask(standby.url, 'show max_connections')).toBe('123');
  });

  test('sees the past while its replay is paused', async () => {
    await standby.pauseReplay();
    await ask(primary.url, 'create table paused as select 3 as n');
    await expect(ask(standby.url, 'select n from paused')).rejects.toMatchObject({ code: '42P01' });
    await standby.resumeReplay();
    await standby.caughtUp();
    expect(await ask(standby.url, 'select n from paused')).toBe(3);
  });

  test('comes back after a crash and goes on following', async () => {
    await standby.kill();
    await ask(primary.url, 'create table crashed as select 4 as n');
    await standby.restart();
    await standby.caughtUp();
    expect(await ask(standby.url, 'select n from crashed')).toBe(4);
  });

  test('takes over, and the old primary follows it: a switchover loses nothing', async () => {
    await ask(primary.url, 'create table switched as select 5 as n');
    await primary.shutdown('fast');
    await standby.promote();
    expect(await ask(standby.url, 'select n from switched')).toBe(5);
    await ask(standby.url, 'create table thereafter as select 6 as n');
    await primary.follow(standby);
    await expect.poll(() => ask(primary.url, 'select n from thereafter').catch(() => 0)).toBe(6);
    expect(await ask(primary.url, 'select pg_is_in_recovery()')).toBe(true);
  });

  test('leaves nothing when it is stopped', async () => {
    const { socketDir } = standby;
    await standby.stop();
    expect(existsSync(socketDir ?? '')).toBe(false);
    await primary.stop();
  });
});

test('startStandby() of a server that is not ours is refused', async () => {
  const server = { socketDir: undefined } as unknown as RunningPostgres;
  await expect(startStandby({ of: server })).rejects.toBeInstanceOf(ServiceNotOwnedError);
});

test('startStandby() of a server without replication says what to do, and leaves nothing', async () => {
  await using server = await startPostgres({ external: false });
  const lines: string[] = [];
  const refused = startStandby({ of: server, log: (line) => lines.push(line) });
  await expect(refused).rejects.toBeInstanceOf(ServiceStartError);
  await expect(refused).rejects.toThrow(/replication: true/);
});
