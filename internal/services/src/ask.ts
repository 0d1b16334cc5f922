import pg from 'pg';

/** The first value of a statement's first row, from a connection of its own. @throws what connecting or the statement fails with */
export async function ask<T = void>(url: string, statement: string): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // A server that is stopped meanwhile is the statement's error.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query({ text: statement, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}
