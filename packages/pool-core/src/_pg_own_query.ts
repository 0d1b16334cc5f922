/**
 * pg's own query, with a memory for what the rows of a statement are like.
 */
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { isPgsOwnDescription, isPgsOwnFields } from './_pg_front_door.ts';
import { RecentMap } from './_recent_map.ts';

/** One column, as pg-protocol tells of it. */
interface Field {
  name: string;
  readonly dataTypeID: number;
  readonly format?: string | undefined;
}

/** What pg keeps of a statement's rows; not in its types. */
interface ResultInside {
  command: unknown;
  fields: readonly Field[];
  _parsers: unknown[] | undefined;
  readonly addFields: unknown;
  readonly _types: { getTypeParser(oid: number, format: string): unknown } | undefined;
  _prebuiltEmptyResultObject: object | null;
}

interface QueryInside {
  readonly text: string;
  name?: string | undefined;
  callback?: unknown;
  readonly _result: ResultInside;
  _accumulateRows?: unknown;
  handleRowDescription(message: { readonly fields: Field[] }): void;
}

/** pg's class of queries. */
interface QueryClass {
  new (text: string | object, values: unknown): QueryInside;
  readonly prototype?: Partial<QueryInside>;
}

/** The columns of a statement's last result, and what pg copies for each row. */
interface Shape {
  readonly names: readonly string[];
  readonly empty: object;
}

// Applications have few statements and say them often.
const SHAPES = 500;
const LONGEST_TEXT = 2_000;
const WIDEST = 100;
const shapes = new RecentMap<Shape>(SHAPES);

const made = new WeakMap<QueryClass, QueryClass>();

/**
 * The class that a client's own queries are of, or one that does the same with less work: pg builds the object that all rows of a result
 * are copies of anew for each result, column by column, from names that V8 has never seen, which takes 4 us for four columns, a tenth
 * of all that a process does for a query. A statement that said the same columns the last time gets the same object again.
 *
 * @returns undefined where the client has no such class, as in stand-ins.
 */
export function queryClassOf(client: pg.ClientBase): QueryClass | undefined {
  const { Query } = client.constructor as { readonly Query?: QueryClass };
  if (typeof Query !== 'function') return undefined;
  // Applications patch these, to rename columns or to parse by their names, and at any time.
  if (!isPgsOwnDescription(Query.prototype?.handleRowDescription)) return Query;
  let Own = made.get(Query);
  if (Own === undefined) {
    Own = rememberingRows(Query);
    if (!actAlike(Query, Own)) Own = Query;
    made.set(Query, Own);
  }
  return Own;
}

function rememberingRows(Query: QueryClass): QueryClass {
  class OwnQuery extends Query {
    override handleRowDescription(message: { readonly fields: Field[] }): void {
      const { text, _result: result } = this;
      const { fields } = message;
      const types = result._types;
      // A command that is complete: what comes is the next result of a text of several statements.
      if (result.command || types === undefined || !isPgsOwnFields(result.addFields)) {
        super.handleRowDescription(message);
        return;
      }
      const shape = shapes.get(text);
      if (shape === undefined || !fits(shape, fields)) {
        super.handleRowDescription(message);
        remember(text, this._result, fields);
        return;
      }
      const { names, empty } = shape;
      const parsers = new Array<unknown>(fields.length);
      for (let i = 0; i < parsers.length; i++) {
        const field = fields[i] as Field;
        // The same text, but one that V8 knows as the name of a property.
        field.name = names[i] as string;
        parsers[i] = types.getTypeParser(field.dataTypeID, field.format || 'text');
      }
      result.fields = fields;
      result._parsers = parsers;
      result._prebuiltEmptyResultObject = empty;
      this._accumulateRows = this.callback;
    }
  }
  return Object.defineProperty(OwnQuery, 'name', { value: Query.name });
}

function fits({ names }: Shape, fields: readonly Field[]): boolean {
  if (names.length !== fields.length) return false;
  for (let i = 0; i < names.length; i++) if (names[i] !== fields[i]?.name) return false;
  return true;
}

function remember(text: string, result: ResultInside, fields: readonly Field[]): void {
  const empty = result._prebuiltEmptyResultObject;
  if (fields.length === 0 || fields.length > WIDEST || text.length > LONGEST_TEXT) return;
  if (empty === null || result.fields !== fields) return;
  shapes.delete(text);
  shapes.set(text, { names: fields.map(({ name }) => name), empty });
}

/** Whether both leave the same behind: another pg may keep other things than this one is written for. */
function actAlike(Query: QueryClass, Own: QueryClass): boolean {
  const text = ' -- a statement of nobody’s';
  const parsers = new Map<string, unknown>();
  const types = {
    getTypeParser: (oid: number, format: string): unknown => {
      const key = `${oid} ${format}`;
      if (!parsers.has(key)) parsers.set(key, () => key);
      return parsers.get(key);
    },
  };
  const callback = (): void => {};
  const described = (Made: QueryClass): object => {
    const query = new Made(text, [1]);
    query.callback = callback;
    Object.assign(query._result, { _types: types });
    const fields = [
      { name: 'a', dataTypeID: 23, format: 'text' },
      { name: 'b', dataTypeID: 25, format: 'binary' },
      { name: 'a', dataTypeID: 20 },
    ];
    query.handleRowDescription({ fields });
    return { ...query, _result: { ...query._result } };
  };
  try {
    const theirs = described(Query);
    // The second of these is the one that remembers.
    return [described(Own), described(Own)].every((ours) => isDeepStrictEqual(ours, theirs));
  } catch {
    return false;
  } finally {
    shapes.delete(text);
  }
}
