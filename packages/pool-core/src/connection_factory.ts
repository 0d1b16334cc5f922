/**
 * What a pool needs to know about the things it holds.
 *
 * @module
 */
import type { DestroyReason } from './contract.ts';

/** What a failed connect says about the next one. */
export type ConnectErrorKind =
  /** The server may be back soon: waiters keep waiting, one prober asks. */
  | 'retryable'
  /** Trying again changes nothing (wrong password, no such database): waiters are told at once. */
  | 'fatal'
  /** The server has no room for one more: the ceiling comes down, waiters are served by what is there. */
  | 'server-limit'
  /** It says nothing of the server (a hook's own error): one waiter is told, and nothing else changes. */
  | 'unrelated';

/** Nothing: as good as new. A reason: to be destroyed. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook without a return statement is the common one
export type ResetResult = DestroyReason | undefined | void;

/**
 * Makes, checks and destroys connections of one kind: a pg Client, an ioredis connection, anything.
 *
 * A hook that throws never reaches the pool's users as an exception of the pool: a throwing `create` is a failed
 * connect, a throwing `reset`, `isUsable` or `validate` costs the connection, a throwing `destroy` is ignored.
 *
 * @example
 * ```ts
 * import type { ConnectionFactory } from '@fynlo/pool-core/manager';
 * import { connect, type Socket } from 'node:net';
 *
 * export const sockets: ConnectionFactory<Socket> = {
 *   create: (signal, lost) =>
 *     new Promise((resolve, reject) => {
 *       const socket = connect({ host: '127.0.0.1', port: 6379, signal });
 *       socket.once('connect', () => resolve(socket)).once('error', reject).once('close', lost);
 *     }),
 *   destroy: (socket) => void socket.destroy(),
 *   isUsable: (socket) => socket.writable,
 * };
 * ```
 */
export interface ConnectionFactory<C> {
  /**
   * Opens a connection. A connection returned without a promise is handed to the waiter in the same tick.
   *
   * @param signal aborted at the connect deadline and when the pool closes. A result that comes later is destroyed.
   * @param lost to be called when the connection dies by itself: an idle one leaves the pool at once, a leased one
   * when it comes back. Harmless at any other time, any number of times.
   */
  create(signal: AbortSignal, lost: (error?: unknown) => void): Promise<C> | C;
  /** Closes a connection for good. The pool waits for it `closeTimeoutMs` at most. */
  destroy(connection: C, reason: DestroyReason): Promise<unknown> | unknown;
  /** Whether an idle connection still answers. Asked by the health monitor, never while a user has it. */
  validate?(connection: C, signal: AbortSignal): Promise<boolean> | boolean;
  /**
   * Makes a returned connection as good as new. Returning `undefined` synchronously means clean, and no tick is lost;
   * a promise keeps the connection `resetting` until it settles; a {@link DestroyReason} asks for its destruction.
   */
  reset?(connection: C): Promise<ResetResult> | ResetResult;
  /** Whether the connection may be handed out. Asked at release and before hand-over, so it must be cheap. */
  isUsable?(connection: C): boolean;
  /**
   * Whether the connection is working for its holder right now. Sampled by the scaler: connections that are held but
   * not working are their callers' think time, and more of them cost the server nothing.
   */
  isBusy?(connection: C): boolean;
  /** What a connect error means. @default every error is `'retryable'` */
  classify?(error: unknown): ConnectErrorKind;
}
