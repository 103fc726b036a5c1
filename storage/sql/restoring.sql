-- name: database_holds
-- Whether anything is in it that a person would miss; the tables of an empty one may be there.
select exists (select from penfeld.device) or exists (select from penfeld.uplink)
       or exists (select from penfeld.quarantine)

-- name: database_has_schema
select to_regclass('penfeld.migration') is not null

-- name: databases_users
-- Who else is connected to it now.
select count(*) from pg_stat_activity
where datname = %s and backend_type = 'client backend' and pid <> pg_backend_pid()

-- name: databases_tables
select count(*) from pg_class where relkind = 'r'

-- name: timescaledb_offered
select default_version from pg_available_extensions where name = 'timescaledb'

-- name: before_restoring
select timescaledb_pre_restore()

-- name: after_restoring
select timescaledb_post_restore()

-- name: create_database
create database {} template template0

-- name: drop_database
drop database if exists {} with (force)

-- name: close_database
alter database {} allow_connections false

-- name: open_database
alter database {} allow_connections true

-- name: rename_database
alter database {} rename to {}

-- name: disconnect_database
select pg_terminate_backend(pid) from pg_stat_activity where datname = %s

-- name: collect_statistics
analyze

-- name: server_major
select current_setting('server_version_num')::int / 10000
