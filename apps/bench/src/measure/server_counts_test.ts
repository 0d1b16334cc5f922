import pg from 'pg';
import { afterAll, expect, inject, test } from 'vitest';
import { ServerCounter, withApplicationName } from './server_counts.ts';

const url = inject('postgresUrl');
const open: pg.Client[] = [];
afterAll(() => Promise.all(open.map((client) => client.end())));

async function connect(name: string, count: number): Promise<void> {
  const clients = Array.from(
    { length: count },
    () => new pg.Client({ connectionString: withApplicationName(url, name) }),
  );
  open.push(...clients);
  await Promise.all(clients.map((client) => client.connect()));
}

test("ServerCounter tells the subject's backends from those of others", async () => {
  await connect('others', 2);
  const counter = new ServerCounter(url, 5);
  await counter.start('ours');
  await connect('ours', 12);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { peak, others } = await counter.stop();
  expect(peak).toBe(12);
  // Other tests may have some on this server as well.
  expect(others).toBeGreaterThanOrEqual(2);
});

test('withApplicationName() keeps what the URL says besides', () => {
  expect(withApplicationName('postgres://u:p%40@h:1/db?sslmode=require', 'x')).toBe(
    'postgres://u:p%40@h:1/db?sslmode=require&application_name=x',
  );
});
