import pg from 'pg';

/** Accounts of the table that the load pays into. */
export const ACCOUNTS = 100_000;

/** pgbench's tables as far as its `-N` transaction needs them, and that transaction as a function: one round trip. */
export async function makeAccounts(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`
    create table bench_account (id int primary key, balance bigint not null) with (fillfactor = 90);
    create table bench_payment (account int not null, delta int not null, at timestamptz not null default now());
    insert into bench_account select i, 0 from generate_series(1, ${ACCOUNTS}) i;
    create function bench_pay(account int, delta int) returns bigint language plpgsql as $$
    declare balance_now bigint;
    begin
      update bench_account set balance = balance + delta where id = account;
      select balance into balance_now from bench_account where id = account;
      insert into bench_payment (account, delta) values (account, delta);
      return balance_now;
    end $$;
    analyze bench_account;`);
  await client.end();
}
