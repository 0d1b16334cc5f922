/**
 * What stands between a pool and its server, from what was seen of it. Pure.
 *
 * No pooler says what it is, but each gives itself away: it makes up the process id that it tells its clients, and those that keep
 * named statements rename them on the server. Behind PgBouncer this is tested; the rest is from the poolers' sources and documentation.
 */
import type { PoolerClaim, PoolerMode, PoolerName, PoolerVerdict } from './pg_pooler.ts';

/** What was seen. What could not be seen, or was not looked for, is absent. */
export interface PoolerEvidence {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** The user that logged in. */
  readonly user?: string | undefined;
  /** The process id that the client was told at its login. */
  readonly told?: number | null | undefined;
  /** What `pg_backend_pid()` said on the same connection. */
  readonly backend?: number | undefined;
  readonly closer?: PoolerLook | undefined;
}

/** What two connections of one's own have seen. */
export interface PoolerLook {
  /** Whether BEGIN was refused. */
  readonly refusesTransactions?: boolean | undefined;
  /** `session_user` behind it. */
  readonly sessionUser?: string | undefined;
  /** What the server calls a statement that the client has named; `kept`: as the client does. */
  readonly statementName?: string | undefined;
  /** Whether one backend served both connections while both were open, or one connection had several. */
  readonly sharesBackends?: boolean | undefined;
  /** Whether it refused a connection in PgBouncer's own words. */
  readonly speaksAsPgBouncer?: boolean | undefined;
}

/** What {@link PoolerLook.statementName} is where the name was left as it is. */
export const NAME_KEPT = 'kept';

/** Linux gives no process a greater number (`pid_max`); other systems stay below as well. */
const MAX_PID = 4_194_304;

/** Whether no server can have told this process id: PgBouncer, pgcat and Odyssey make up random ones. */
export function isMadeUp(pid: number): boolean {
  return pid <= 0 || pid > MAX_PID;
}

interface Address {
  readonly name: PoolerName;
  readonly mode?: PoolerMode;
}

/** Hosted poolers, by the addresses that their documentation gives out. */
function byAddress(host = '', port?: number): Address | undefined {
  if (/\.pooler\.supabase\.com$/i.test(host)) {
    return { name: 'supavisor', mode: port === 6543 ? 'transaction' : 'session' };
  }
  if (/^db\.[^.]+\.supabase\.co$/i.test(host) && port === 6543) {
    return { name: 'pgbouncer', mode: 'transaction' };
  }
  if (/\.proxy-[^.]+\.[^.]+\.rds\.amazonaws\.com(\.cn)?$/i.test(host)) {
    return { name: 'rds-proxy', mode: 'transaction' };
  }
  if (/-pooler\.[^/]*neon\.tech$/i.test(host)) return { name: 'pgbouncer', mode: 'transaction' };
  if (/\.postgres\.database\.azure\.com$/i.test(host) && port === 6432) {
    return { name: 'pgbouncer' };
  }
  return undefined;
}

/** What poolers that keep named statements call them on the server. */
const RENAMED: readonly (readonly [RegExp, PoolerName])[] = [
  [/^PGBOUNCER_/, 'pgbouncer'],
  [/^PGCAT_/, 'pgcat'],
  [/^__pgdog_/, 'pgdog'],
  [/^odyssey_/, 'odyssey'],
  [/^supavisor_/, 'supavisor'],
];

function nameOf({ host, port, user, closer }: PoolerEvidence): PoolerName {
  const renamed = closer?.statementName ?? NAME_KEPT;
  for (const [pattern, name] of RENAMED) if (pattern.test(renamed)) return name;
  if (closer?.speaksAsPgBouncer === true) return 'pgbouncer';
  const address = byAddress(host, port)?.name;
  if (address !== undefined) return address;
  // Supavisor finds the tenant behind the dot.
  const { sessionUser } = closer ?? {};
  if (sessionUser !== undefined && user?.startsWith(`${sessionUser}.`)) return 'supavisor';
  return 'unknown';
}

/** Whether a look came to its end. */
function wasSeen(closer: PoolerLook | undefined): boolean {
  return closer?.refusesTransactions === true || closer?.sharesBackends !== undefined;
}

function modeOf({ host, port, closer }: PoolerEvidence): PoolerMode | undefined {
  if (closer?.refusesTransactions === true) return 'statement';
  if (closer?.sharesBackends === true) return 'transaction';
  return byAddress(host, port)?.mode ?? (closer?.sharesBackends === false ? 'session' : undefined);
}

const LABEL: Readonly<Record<PoolerName, string>> = {
  none: 'no pooler',
  pgbouncer: 'PgBouncer',
  pgcat: 'PgCat',
  pgdog: 'PgDog',
  odyssey: 'Odyssey',
  supavisor: 'Supavisor',
  'rds-proxy': 'RDS Proxy',
  unknown: 'a pooler that was not recognised',
};

/**
 * PgBouncer before 1.21 gives a server to the next client, of whatever application, when a client is lost between two answers:
 * with 1.18, in either mode, 103 of 117 answers of the next client were not its own. From 1.21 on it closes such servers.
 */
const MISDIRECTS =
  'where a client is lost, the next one is given the answers that were due to it by PgBouncer before 1.21, and this is not known to be safe (PgBouncer with max_prepared_statements above 0 is)';

/** Why statements are not pipelined where it does not keep sessions; undefined: they may be. */
const NOT_PIPELINED: Readonly<Record<PoolerName, string | undefined>> = {
  none: undefined,
  pgbouncer: MISDIRECTS,
  supavisor:
    'it hands the server on with the first answer, and what was sent behind is never answered (porsager/postgres#970)',
  pgdog: 'it was seen to hang on pipelined requests (pgdogdev/pgdog#1508)',
  odyssey: 'it was seen to answer pipelined requests out of order (npgsql/npgsql#5231)',
  pgcat: 'nobody has shown that it is safe there',
  'rds-proxy': 'nobody has shown that it is safe there',
  unknown: 'not every pooler answers them, and this one is not known',
};

const STATE_IT = 'if you know better, say so: pooler: { name, mode, pipelining, namedStatements }';

/** The verdict on what was seen. */
export function judgePooler(evidence: PoolerEvidence): PoolerVerdict {
  const { host, port, told, backend, closer } = evidence;
  const asked = backend !== undefined;
  const address = byAddress(host, port);
  if (backend !== undefined && backend <= 0 && address === undefined) {
    // CockroachDB: every backend is -1.
    return {
      ...NOTHING,
      backendPids: false,
      reasons: ['The server has no process ids to ask about.'],
    };
  }
  const madeUp = told != null && isMadeUp(told);
  const differs = told != null && backend !== undefined && told !== backend;
  if (address === undefined && !madeUp && !differs) {
    if (asked) return NOTHING;
    const unasked = 'The server has not been asked yet whether a pooler stands in between.';
    return {
      ...NOTHING,
      settled: false,
      pipelining: false,
      namedStatements: false,
      reasons: [unasked],
    };
  }
  const name = nameOf(evidence);
  const mode = modeOf(evidence);
  // A pooler whose servers are all busy lets nobody look: it has to be tried again.
  const settled = asked && wasSeen(closer);
  const reasons = [
    differs || address === undefined
      ? `${sentence(`${LABEL[name]} stands in between${inMode(mode)}`)}: the client was told process ${told}, ${
          backend === undefined ? 'which no server has' : `the backend is ${backend}`
        }.`
      : `${sentence(`${LABEL[name]} stands in between${inMode(mode)}`)}: its address says so.`,
  ];
  const renamed = closer?.statementName !== undefined && closer.statementName !== NAME_KEPT;
  const namedStatements = mode === 'session' || renamed;
  return judged({ name, mode, settled, keepsNames: renamed, namedStatements }, reasons);
}

/** The verdict where the user says what is there; nobody is asked then. */
export function judgeClaim(claim: PoolerClaim): PoolerVerdict {
  const { name = 'unknown', mode } = claim;
  const label = name === 'unknown' ? 'a pooler' : LABEL[name];
  return judged(
    {
      name,
      mode,
      settled: true,
      pipelining: claim.pipelining,
      keepsNames: claim.namedStatements === true,
      namedStatements: claim.namedStatements ?? mode === 'session',
    },
    [`${sentence(`${label} stands in between${inMode(mode)}`)}, as the options say.`],
  );
}

/** The verdict for `pooler: 'none'`. */
export const NOTHING: PoolerVerdict = {
  name: 'none',
  settled: true,
  pipelining: true,
  namedStatements: true,
  sessionState: true,
  backendPids: true,
  reasons: [],
};

function judged(
  found: {
    readonly name: PoolerName;
    readonly mode: PoolerMode | undefined;
    readonly settled: boolean;
    readonly pipelining?: boolean | undefined;
    /** What only PgBouncer from 1.21 on does. */
    readonly keepsNames: boolean;
    readonly namedStatements: boolean;
  },
  reasons: string[],
): PoolerVerdict {
  const { name, mode, settled, namedStatements } = found;
  const sessionState = mode === 'session';
  const isSafe = name === 'pgbouncer' && found.keepsNames;
  const why = isSafe ? undefined : sessionState ? MISDIRECTS : NOT_PIPELINED[name];
  const pipelining = found.pipelining ?? (settled && why === undefined);
  if (!settled) reasons.push('It has not been looked at closely yet.');
  else {
    if (!pipelining)
      reasons.push(`Statements are not pipelined: ${why ?? 'as the options say'}; ${STATE_IT}.`);
    if (!namedStatements) {
      reasons.push(
        'Statements are not named: it does not keep names between transactions (PgBouncer does from 1.21 on, with max_prepared_statements above 0).',
      );
    }
    if (!sessionState) {
      reasons.push(
        'Session state (SET, LISTEN, temporary tables, advisory locks) is shared with strangers, and not undone at release.',
      );
    }
  }
  reasons.push('Silent connections are not looked for: nothing can be asked by process id.');
  return {
    name,
    ...(mode === undefined ? {} : { mode }),
    settled,
    pipelining,
    namedStatements,
    sessionState,
    backendPids: false,
    reasons,
  };
}

function inMode(mode: PoolerMode | undefined): string {
  return mode === undefined ? '' : ` in ${mode} mode`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
