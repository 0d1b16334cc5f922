/**
 * A network of a given length, as a process: what it receives it hands on after `delayMs`, in both directions.
 *
 * Precise to a tenth of a millisecond. Node's timers count whole milliseconds and are late by up to one more, so that a round trip
 * of 2 ms would take 3 to 4, and all that arrives within one millisecond would leave in one piece.
 */
import { connect, createServer, type Socket } from 'node:net';

const [host = '', port = '', delay = ''] = process.argv.slice(2);
const delayMs = Number(delay);
/** The longest sleep while something is under way, ms: a socket that becomes readable meanwhile is read that much later. */
const STEP_MS = 0.1;

interface Piece {
  readonly due: number;
  readonly data: Buffer;
  readonly to: Socket;
}

/** In the order they are due: all are under way equally long. */
let underWay: Piece[] = [];
let turning = false;
const never = new Int32Array(new SharedArrayBuffer(4));

function send(data: Buffer, to: Socket): void {
  underWay.push({ due: performance.now() + delayMs, data, to });
  if (turning) return;
  turning = true;
  setImmediate(turn);
}

function turn(): void {
  const now = performance.now();
  const next = underWay.findIndex(({ due }) => due > now);
  const arrived = next < 0 ? underWay : underWay.slice(0, next);
  underWay = next < 0 ? [] : underWay.slice(next);
  for (const { data, to } of arrived) if (to.writable) to.write(data);
  const [first] = underWay;
  turning = first !== undefined;
  if (first === undefined) return;
  const leftMs = first.due - performance.now();
  if (leftMs > 0) Atomics.wait(never, 0, 0, Math.min(leftMs, STEP_MS));
  setImmediate(turn);
}

function link(from: Socket, to: Socket): void {
  from.on('data', (data: Buffer) => send(data, to));
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}

const listener = createServer({ noDelay: true }, (client) => {
  const server = connect({ host, port: Number(port), noDelay: true });
  link(client, server);
  link(server, client);
});
listener.listen(0, '127.0.0.1', () => {
  const address = listener.address();
  process.send?.(typeof address === 'object' ? address?.port : undefined);
});
process.on('disconnect', () => process.exit(0));
