-- name: jobs_of
-- What policies a hypertable or continuous aggregate has, with the ages that they go by.
select proc_name, (config ->> 'drop_after')::interval, (config ->> 'compress_after')::interval,
       (config ->> 'start_offset')::interval, (config ->> 'end_offset')::interval
from timescaledb_information.jobs
where hypertable_schema = %s and hypertable_name = %s

-- name: add_retention
select add_retention_policy(%(name)s::text::regclass, drop_after => %(age)s::interval)

-- name: remove_retention
select remove_retention_policy(%(name)s::text::regclass, if_exists => true)

-- name: add_columnstore
call add_columnstore_policy(%(name)s::text::regclass, after => %(age)s::interval)

-- name: remove_columnstore
call remove_columnstore_policy(%(name)s::text::regclass, if_exists => true)

-- name: add_refresh
select add_continuous_aggregate_policy(
    %(name)s::text::regclass, %(age)s::interval, %(closed)s::interval, interval '1 hour',
    initial_start => date_trunc('hour', now()) + interval '1 hour' + %(minute)s * interval '1 minute'
)

-- name: remove_refresh
select remove_continuous_aggregate_policy(%(name)s::text::regclass, if_exists => true)

-- name: chunk_interval
select time_interval
from timescaledb_information.dimensions
where hypertable_schema = %(schema)s and hypertable_name = %(table)s

-- name: set_chunk_interval
select set_chunk_time_interval(%(name)s::text::regclass, %(age)s::interval)

-- name: forget_superseded
delete from penfeld.superseded where device_type = %s and time < %s

-- name: forget_moved
delete from penfeld.moved where time_after < %s
