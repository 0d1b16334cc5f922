import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';

/** A way to a server that takes its time. */
export interface Distance extends AsyncDisposable {
  /** The same URL, from afar. */
  url(base: string): string;
}

/**
 * Puts a server at a distance: everything takes `delayMs` each way. In a process of its own, as a network is: neither does its
 * work count as the subject's, nor does a busy subject make it slower.
 */
export async function startDistance(url: string, delayMs: number): Promise<Distance> {
  const { hostname, port } = new URL(url);
  const entry = createRequire(import.meta.url).resolve('@fynlo/bench/distance-process');
  const child = fork(entry, [hostname, port, String(delayMs)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [answer] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (child.exitCode !== null) throw new Error(`The delaying process ended with ${answer}`);
  return {
    url(base) {
      const far = new URL(base);
      far.hostname = '127.0.0.1';
      far.port = String(answer);
      return far.href;
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}
