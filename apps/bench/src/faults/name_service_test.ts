import dns from 'node:dns';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NAME, NameService } from './name_service.ts';

const before = dns.lookup;
let names: NameService;
beforeEach(() => {
  names = new NameService();
});
afterEach(() => names.restore());

/** What a socket of Node's finds out about a name on its way to a port where nobody listens. */
function addressTried(): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(1, NAME);
    socket.on('error', (error: NodeJS.ErrnoException & { address?: string }) =>
      resolve(error.address ?? String(error.code)),
    );
  });
}

test('NameService answers sockets for its name, with an address or with ENOTFOUND', async () => {
  expect(await addressTried()).toBe('ENOTFOUND');
  names.addresses = ['127.0.0.9'];
  expect(await addressTried()).toBe('127.0.0.9');
});

test('NameService leaves other names, and addresses, to the machine', async () => {
  names.addresses = ['127.0.0.9'];
  const address = await new Promise((resolve) =>
    dns.lookup('127.0.0.3', (_, found) => resolve(found)),
  );
  expect(address).toBe('127.0.0.3');
});

test('NameService is gone after restore()', () => {
  expect(dns.lookup).not.toBe(before);
  names.restore();
  expect(dns.lookup).toBe(before);
});
