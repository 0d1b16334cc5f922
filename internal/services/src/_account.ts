import { must, run } from './_command.ts';

/** The account a server runs as; empty for our own. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

export const isRoot: boolean = process.getuid?.() === 0;

/**
 * Whom a server runs as that refuses root, as PostgreSQL and PgBouncer do; undefined for our own account. Any account
 * without rights serves, so none is created; `nobody` comes first because a `postgres` account may own a real server's files.
 */
export async function unprivilegedName(): Promise<string | undefined> {
  if (!isRoot) return undefined;
  for (const name of ['nobody', 'postgres']) {
    if ((await run('id', ['-u', name])).code === 0) return name;
  }
  throw new Error(
    'The server does not run as root, and this system has neither a nobody nor a postgres account.',
  );
}

/** The same, for starting a process. */
export async function unprivilegedAccount(): Promise<Account> {
  const name = await unprivilegedName();
  if (name === undefined) return {};
  const [uid, gid] = await Promise.all([must('id', ['-u', name]), must('id', ['-g', name])]);
  return { uid: Number(uid), gid: Number(gid) };
}
