/**
 * A session with the process's own inspector: no port, no file, no flag.
 *
 * @module
 */
import type { Session } from 'node:inspector';

/** Runs `fn` with a session of its own; undefined when this Node has no inspector, or a debugger is attached. */
export async function withInspector<T>(
  fn: (post: (method: string, params?: object) => Promise<unknown>) => Promise<T>,
): Promise<T | undefined> {
  const session = await open();
  if (session === undefined) return undefined;
  try {
    return await fn(
      (method, params) =>
        new Promise((resolve, reject) => {
          session.post(method, params, (error, result) =>
            error === null ? resolve(result) : reject(error),
          );
        }),
    );
  } finally {
    session.disconnect();
  }
}

async function open(): Promise<Session | undefined> {
  // Node can be built without the inspector; importing it throws there.
  const inspector = await import('node:inspector').catch(() => undefined);
  // A person who debugs must not find their heap collected and their sampling ended by us.
  if (inspector === undefined || inspector.url() !== undefined) return undefined;
  const session = new inspector.Session();
  session.connect();
  return session;
}

/** A full collection that stops the world; returns memory to the operating system. False when it cannot be had. */
export async function collectGarbage(): Promise<boolean> {
  const done = await withInspector(async (post) => {
    await post('HeapProfiler.collectGarbage');
    return true;
  });
  return done ?? false;
}
