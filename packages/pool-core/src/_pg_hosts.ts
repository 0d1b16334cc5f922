/**
 * Reading which servers there are: `hosts`, and libpq's lists in `host`, `port`, connection strings and the environment.
 */
import { TARGET_SESSION_ATTRS, type TargetSessionAttrs } from './_host_policy.ts';
import { InvalidOptionError } from './errors.ts';
import type { PoolOptions } from './pg_options.ts';

/** One host, and what to tell a Client beyond the pool's options so that it goes there. */
export interface Host {
  /** Undefined for the one that pg itself reads out of the options. */
  readonly name: string | undefined;
  readonly changes: Readonly<Record<string, unknown>>;
}

/** Where to connect. */
export interface Hosts {
  readonly hosts: readonly Host[];
  /** Undefined: not said, which is `any` but for a server that was the primary. */
  readonly attrs: TargetSessionAttrs | undefined;
  readonly loadBalance: boolean;
}

/** A host with its port. */
interface Place {
  readonly host: string;
  readonly port: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORT = 5432;
/** Scheme, user and password, hosts, the rest. pg reads the same; only a list of hosts is beyond it. */
const CONNECTION_STRING = /^(postgres(?:ql)?:\/\/)((?:[^/?#]*@)?)([^/?#@]*)(.*)$/is;
/** The parameters that are ours to understand, or that one host's string must not have. */
const OURS = ['host', 'port', 'target_session_attrs', 'load_balance_hosts'];

/** @throws InvalidOptionError */
export function readHosts(options: PoolOptions, env: Environment): Hosts {
  const parts = CONNECTION_STRING.exec(options.connectionString ?? '');
  const query = new URLSearchParams(parts?.[4]?.split('?')[1] ?? '');
  const attrs = one(
    'targetSessionAttrs',
    [options.targetSessionAttrs, query.get('target_session_attrs')],
    env['PGTARGETSESSIONATTRS'],
  );
  if (attrs !== undefined && !TARGET_SESSION_ATTRS.includes(attrs as TargetSessionAttrs)) {
    throw new InvalidOptionError('targetSessionAttrs', attrs, TARGET_SESSION_ATTRS.join(', '));
  }
  const { loadBalanceHosts } = options;
  if (loadBalanceHosts !== undefined && typeof loadBalanceHosts !== 'boolean') {
    throw new InvalidOptionError('loadBalanceHosts', loadBalanceHosts, 'true or false');
  }
  const balance = one(
    'load_balance_hosts',
    [query.get('load_balance_hosts')],
    env['PGLOADBALANCEHOSTS'],
  );
  if (balance !== undefined && balance !== 'random' && balance !== 'disable') {
    throw new InvalidOptionError('load_balance_hosts', balance, "'disable' or 'random'");
  }
  return {
    hosts: hostsOf(options, parts, query, env),
    attrs: attrs as TargetSessionAttrs | undefined,
    loadBalance: loadBalanceHosts ?? balance === 'random',
  };
}

function hostsOf(
  options: PoolOptions,
  parts: RegExpExecArray | null,
  query: URLSearchParams,
  env: Environment,
): readonly Host[] {
  const listed = listOf(options, parts, query, env);
  if (listed === undefined) return [{ name: undefined, changes: {} }];
  return listed.map(({ host, port }) => {
    if (parts === null) return { name: host, changes: { host, port } };
    const [, scheme = '', user = '', , rest = ''] = parts;
    return {
      name: host,
      changes: { host, port, connectionString: stringFor(scheme, user, rest, query, host, port) },
    };
  });
}

/** The list, where there is one; undefined: leave it to pg. */
function listOf(
  options: PoolOptions,
  parts: RegExpExecArray | null,
  query: URLSearchParams,
  env: Environment,
): Place[] | undefined {
  if (options.hosts !== undefined) {
    if (!Array.isArray(options.hosts) || options.hosts.length === 0) {
      throw new InvalidOptionError('hosts', options.hosts, 'a list of { host, port? }');
    }
    if (options.host) {
      throw new InvalidOptionError('host', options.host, 'none beside hosts, which names them all');
    }
    return options.hosts.map((entry) => {
      const host = entry?.host;
      if (typeof host !== 'string' || host === '') {
        throw new InvalidOptionError(
          'hosts',
          JSON.stringify(entry),
          '{ host, port? }, each with a host',
        );
      }
      return { host, port: portOf(entry.port, options.port) };
    });
  }
  if (parts !== null) {
    const host = query.get('host');
    if (host?.includes(',')) return pairs(host.split(','), query.get('port') ?? '');
    const authority = parts[3] ?? '';
    if (!authority.includes(',')) return undefined;
    return authority.split(',').map(hostAndPort);
  }
  if (options.connectionString !== undefined && options.connectionString !== '') return undefined;
  const host = options.host ?? env['PGHOST'];
  if (typeof host !== 'string' || !host.includes(',')) return undefined;
  return pairs(host.split(','), String(options.port ?? env['PGPORT'] ?? ''));
}

/** libpq: as many ports as hosts, or one for all; an empty one is the default. */
function pairs(hosts: readonly string[], ports: string): Place[] {
  const given = ports.split(',');
  if (given.length !== 1 && given.length !== hosts.length) {
    throw new InvalidOptionError('port', ports, `one port, or ${hosts.length} as there are hosts`);
  }
  return hosts.map((host, index) => ({
    host: host.trim() || 'localhost',
    port: portOf(given.length === 1 ? given[0] : given[index], undefined),
  }));
}

function hostAndPort(text: string): Place {
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text) ?? [];
  return {
    host: decodeURIComponent(host).replace(/^\[|\]$/g, '') || 'localhost',
    port: portOf(port),
  };
}

function portOf(port: unknown, otherwise?: unknown): number {
  const given = port === undefined || port === '' ? otherwise : port;
  if (given === undefined || given === '') return DEFAULT_PORT;
  const number = Number(given);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new InvalidOptionError('port', given, 'a port, 1 to 65535');
}

/** The connection string as it is for one host, for pg to read the rest of it. */
function stringFor(
  scheme: string,
  user: string,
  rest: string,
  query: URLSearchParams,
  host: string,
  port: number,
): string {
  const others = new URLSearchParams(query);
  for (const name of OURS) others.delete(name);
  // A Unix socket's folder, or an address with colons, is no host name in a URL.
  const plain = !host.startsWith('/');
  if (!plain) others.set('host', host);
  const path = /^[^?]*/.exec(rest)?.[0] ?? '';
  const name = plain ? (host.includes(':') ? `[${host}]` : encodeURIComponent(host)) : 'localhost';
  const parameters = others.toString().replaceAll('+', '%20');
  return `${scheme}${user}${name}:${port}${path}${parameters === '' ? '' : `?${parameters}`}`;
}

function one(
  name: string,
  given: readonly (string | null | undefined)[],
  otherwise: string | undefined,
): string | undefined {
  const [first, second] = given.filter((value) => value !== undefined && value !== null);
  if (first !== undefined && second !== undefined && first !== second) {
    throw new InvalidOptionError(name, first, `the same as in the connection string (${second})`);
  }
  return first ?? second ?? (otherwise || undefined);
}
