import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort } from './_free_port.ts';

test('freePort() can be listened on, and is none that the system hands to clients', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  expect(port).toBeGreaterThan(1023);
  expect(port).toBeLessThan(65_536);
  if (process.platform !== 'linux') return;
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const [first = 0] = range.trim().split(/\s+/).map(Number);
  // A machine may leave clients nearly everything; then there is no better port.
  if (first > 16_001) expect(port).toBeLessThan(first);
  else expect(port).toBeGreaterThanOrEqual(first);
});
