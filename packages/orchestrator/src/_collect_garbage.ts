import { Session } from 'node:inspector/promises';

/** One full collection, without a flag: so that two measurements in one process begin alike. */
export async function collectGarbage(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}
