/**
 * In whose async context a queued statement is sent.
 */
import pg from 'pg';
import { isPgsOwnQuery, isPgsOwnSubmit } from './_pg_front_door.ts';
import { inDomain, oneShotConfig } from './_pg_one_shot.ts';

/**
 * Whether a statement may be sent in another async context than its own. Nobody can tell as long as nothing but pg is called: to go
 * back into a context takes 3 us of a query's 40 (Node 20), most of what the pool itself does for it.
 */
export class SendContext {
  readonly #Client: () => unknown;
  /** Undefined until a client was seen: what an application does to clients, it may do to each of them as it is connected. */
  #matters: boolean | undefined;

  /** @param Client the class that the pool makes clients of */
  constructor(Client: () => unknown) {
    this.#Client = Client;
  }

  /** A client is about to be used. */
  saw(client: pg.ClientBase): void {
    if (!isPgsOwnQuery(client.query)) this.#matters = true;
    else this.#matters ??= false;
  }

  /** Whether this statement has to be sent in its own. */
  mattersTo(text: unknown, values: unknown): boolean {
    if (this.#matters !== false || inDomain() || this.#isPatched()) return true;
    try {
      if (typeof text === 'string') return mayRunCode(values);
      const config = oneShotConfig(text);
      return config === undefined || mayRunCode(values ?? config.values);
    } catch {
      // A getter's, or a proxy's: it will be the statement's own error.
      return true;
    }
  }

  /** Since the clients there are were looked at. */
  #isPatched(): boolean {
    const { prototype } = this.#Client() as { prototype?: { query?: unknown } };
    return !(isPgsOwnQuery(prototype?.query) && isPgsOwnSubmit(pg.Query.prototype.submit));
  }
}

/** Whether pg calls the application for its values: `toPostgres()`, `toJSON()`. */
function mayRunCode(values: unknown): boolean {
  if (values === undefined || values === null) return false;
  return !Array.isArray(values) || values.some(isForeign);
}

function isForeign(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'function';
  return !(Object.getPrototypeOf(value) === Date.prototype || ArrayBuffer.isView(value));
}
