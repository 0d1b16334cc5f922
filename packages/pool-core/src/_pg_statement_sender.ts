/**
 * Sending a one-shot statement on a client of its own, where statements are named or learned about.
 */
import type pg from 'pg';
import type { LaneSettings } from './_lane_settings.ts';
import type { KnownText, LaneStatements } from './_lane_statements.ts';
import { recordOf } from './_pg_client_record.ts';
import { oneShotConfig, ownQuery } from './_pg_one_shot.ts';
import type { QueryCallback, Send } from './_pg_query.ts';
import { isNameError, type StatementNames } from './_pg_statement_names.ts';
import type { Clock } from './clock.ts';

export interface SenderParts {
  readonly clock: Clock;
  readonly statements: LaneStatements;
  /** Undefined where the pool gives no names. */
  readonly names: StatementNames | undefined;
  /** Undefined where nothing is shared. */
  readonly learning: LaneSettings | undefined;
  /** What a query costs on the way alone, ms. */
  roundTripMs(client: pg.Client): number;
}

/** How the exclusive queries of a pool are sent. */
export function statementSender(parts: SenderParts): Send {
  const { clock, statements, names, learning } = parts;
  return (lent, given, values, finish) => {
    const config = typeof given === 'string' ? undefined : oneShotConfig(given);
    const sql = config === undefined ? given : config.text;
    if (typeof sql !== 'string') {
      lent.query(given as string, values as unknown[], finish as never);
      return;
    }
    const known = statements.of(sql);
    const client = recordOf(lent)?.client ?? lent;
    const ended = learning === undefined ? finish : timed(known, client, learning);
    const text = given as string | object;
    if (names === undefined || !known.preparable || config?.name !== undefined) {
      lent.query(text as string, values as unknown[], ended as never);
    } else attempt(text, sql, 0);

    function timed({ learned }: KnownText, on: pg.Client, tuning: LaneSettings): QueryCallback {
      if (learned === undefined) return finish;
      const begun = clock.now();
      return (error, result) => {
        const ownMs = Math.max(0, clock.now() - begun - parts.roundTripMs(on));
        statements.ranAlone(learned, ownMs, tuning);
        finish(error, result);
      };
    }

    /** Twice with a name of the pool's, if the first is refused; then without, for an error that is the statement's own. */
    function attempt(what: string | object, of: string, tries: number): void {
      const name = tries < 2 ? names?.nameFor(client, of) : undefined;
      const timeout = config?.query_timeout;
      const sent = ownQuery(client, what, values, name);
      const answered: QueryCallback = (error, result) => {
        if (error && name !== undefined && isNameError(error)) {
          names?.renew(of, name);
          attempt(what, of, tries + 1);
        } else ended(error, result);
      };
      if (timeout) Object.assign(sent, { query_timeout: timeout });
      lent.query(sent as never, answered as never);
    }
  };
}
