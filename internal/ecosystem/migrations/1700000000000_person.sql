-- Up Migration
create table person (id int primary key, name text);
-- Down Migration
drop table person;
