import { run } from './_command.ts';

/** The account a server runs as; empty for our own. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

export const isRoot: boolean = process.getuid?.() === 0;

/**
 * Whom a server runs as that refuses root, as PostgreSQL does. Any account without rights serves, so none is created;
 * `nobody` comes first because a `postgres` account may own a real server's files.
 */
export async function unprivilegedAccount(): Promise<Account> {
  if (!isRoot) return {};
  for (const name of ['nobody', 'postgres']) {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    if (uid.code === 0 && gid.code === 0) {
      return { uid: Number(uid.output), gid: Number(gid.output) };
    }
  }
  throw new Error(
    'PostgreSQL does not run as root, and this system has neither a nobody nor a postgres account.',
  );
}
