/**
 * How a pool's one-shot queries are sent: on lanes, with names, or straight to a client.
 */
import type pg from 'pg';
import { LaneStatements } from './_lane_statements.ts';
import type { Lender } from './_pg_checkout.ts';
import { canPipeline, Permission, type PoolerView } from './_pg_lane_permission.ts';
import { Lanes } from './_pg_lanes.ts';
import type { QueryCallback, QueryRules } from './_pg_query.ts';
import type { PoolSettings } from './_pg_settings.ts';
import { StatementNames } from './_pg_statement_names.ts';
import { statementSender } from './_pg_statement_sender.ts';
import type { DynamicConnectionPoolManager } from './dynamic_connection_pool_manager.ts';
import { PipeliningUnsupportedError } from './pg_errors.ts';

export interface OneShotParts {
  readonly settings: PoolSettings;
  readonly Client: unknown;
  readonly stream: unknown;
  readonly lender: Lender;
  readonly manager: DynamicConnectionPoolManager<pg.Client>;
  readonly pooler: PoolerView;
  roleLost(client: pg.ClientBase): void;
  exclusively(text: unknown, values: unknown, reply: QueryCallback): void;
}

/** @throws PipeliningUnsupportedError */
export function oneShots(parts: OneShotParts): { lanes: Lanes | undefined; rules: QueryRules } {
  const { settings, Client, stream, lender, manager, roleLost, exclusively } = parts;
  const { discardOnQueryError, pipelining, prepare } = settings;
  const plain: QueryRules = { discardOnQueryError, roleLost };
  if (pipelining === undefined && !prepare) return { lanes: undefined, rules: plain };
  if (pipelining !== undefined && !canPipeline(Client)) {
    throw new PipeliningUnsupportedError(
      typeof Client === 'function' ? `the class ${Client.name}` : String(Client),
    );
  }
  const statements = new LaneStatements();
  const { clock } = lender.resources;
  const permission = new Permission(parts.pooler, clock, () => lender.resources.generation);
  const names = prepare ? new StatementNames(() => permission.mayName()) : undefined;
  const lanes =
    pipelining === undefined
      ? undefined
      : new Lanes({
          lender,
          tuning: pipelining,
          statements,
          names,
          permission,
          rules: plain,
          stream,
          maxUses: settings.maxUses,
          maxWaiting: settings.maxWaiting,
          acquireTimeoutMs: settings.acquireTimeoutMs,
          exclusively,
          timeoutError: (waitedMs) => manager.timeoutError(waitedMs),
          queueFullError: () => manager.queueFullError(),
        });
  const send = statementSender({
    clock,
    statements,
    names,
    learning: pipelining,
    roundTripMs: (client) => lanes?.roundTripOf(client) ?? 0,
  });
  return { lanes, rules: { ...plain, send } };
}
