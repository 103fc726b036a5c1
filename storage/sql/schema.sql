-- name: lock_schema
-- One process at a time changes tables; until the end of the transaction.
select pg_advisory_xact_lock(7033627, 1)

-- name: lock_migration
-- One process at a time migrates; held by the session, since a migration is several transactions.
select pg_advisory_lock(7033627, 0)

-- name: unlock_migration
select pg_advisory_unlock(7033627, 0)

-- name: foundation
-- What migrations themselves stand on.
create schema if not exists penfeld

-- name: migration_table
create table if not exists penfeld.migration (
    number     integer primary key,
    name       text not null,
    checksum   text not null,
    engine     text not null,
    applied_at timestamptz not null default now()
)

-- name: migrations
select number, checksum, engine from penfeld.migration order by number

-- name: record_migration
insert into penfeld.migration (number, name, checksum, engine) values (%s, %s, %s, %s)

-- name: timescaledb_state
-- Whether TimescaleDB is: made in this database, there to be made, loaded by the server (only then it can be made).
select exists (select from pg_extension where extname = 'timescaledb'),
       exists (select from pg_available_extensions where name = 'timescaledb'),
       current_setting('timescaledb.disable_load', true) is not null

-- name: create_timescaledb
create extension if not exists timescaledb

-- name: timescaledb_version
select extversion from pg_extension where extname = 'timescaledb'

-- name: engine
select engine from penfeld.migration order by number desc limit 1

-- name: columns
-- Columns of the tables of device types, with type and comment.
select c.relname, a.attname, format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), a.atttypmod),
       col_description(c.oid, a.attnum)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type as t on t.oid = a.atttypid
where n.nspname = 'readings' and c.relkind in ('r', 'p')
order by c.relname, a.attnum

-- name: make_hypertable
select create_hypertable(%s::regclass, by_range('time', %s::interval), create_default_indexes => false)

-- name: partitions
-- Names of the monthly parts that exist and are attached.
select c.relname
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'partitions' and c.relispartition
