-- name: rollups_made
select name, kind, source, zone from penfeld.rollup where device_type = %s

-- name: remember_rollup
insert into penfeld.rollup (device_type, name, kind, source, zone) values (%s, %s, %s, %s, %s)
on conflict (name) do update set kind = excluded.kind, source = excluded.source, zone = excluded.zone, made_at = now()

-- name: forget_rollup
delete from penfeld.rollup where name = %s

-- name: rollup_columns
select c.relname, a.attname
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname = 'rollups' and c.relname = any(%s)

-- name: lock_upkeep
-- One process at a time keeps the rollups; until it lets go, or its connection ends.
select pg_try_advisory_lock(7033627, 2)

-- name: unlock_upkeep
select pg_advisory_unlock(7033627, 2)

-- name: plan_for_upkeep
-- For this transaction: plan with the window's own bounds.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: types_in_use
select type from penfeld.device where type is not null
union
select device_type from penfeld.rollup
union
select device_type from penfeld.changed_hour
union
select device_type from penfeld.due_hour

-- name: take_changed_hours
-- Only what is seen here is deleted; what is committed meanwhile stays for the next round.
with taken as (delete from penfeld.changed_hour returning device_type, hour)
insert into penfeld.due_hour (device_type, hour)
select distinct device_type, hour from taken
on conflict do nothing

-- name: due_hours
select device_type, hour from penfeld.due_hour order by device_type, hour

-- name: make_due
insert into penfeld.due_hour (device_type, hour)
select %(device_type)s, hour
from generate_series(%(start)s::timestamptz, %(last)s::timestamptz, interval '1 hour') as hour
on conflict do nothing

-- name: hours_done
delete from penfeld.due_hour where device_type = %s and hour = any(%s)

-- name: refresh_aggregate
call refresh_continuous_aggregate(%(name)s::text::regclass, %(start)s::timestamptz, %(end)s::timestamptz, force => %(force)s,
    options => '{"refresh_newest_first": false}')

-- name: remember_round
insert into penfeld.upkeep (at, took, hours, waiting) values (now(), %(took)s, %(hours)s, %(waiting)s)
on conflict (one) do update set at = excluded.at, took = excluded.took, hours = excluded.hours, waiting = excluded.waiting

-- name: last_round
select at, took, hours, waiting from penfeld.upkeep

-- name: migrated_at
select max(applied_at) from penfeld.migration

-- name: backlog
-- Hours to compute again by device type, the oldest, and since when the first waits.
select device_type, count(distinct hour), min(hour), coalesce(min(since), now())
from (
    select device_type, hour, since from penfeld.due_hour
    union all
    select device_type, hour, null::timestamptz from penfeld.changed_hour
) as waiting
group by device_type
order by device_type

-- name: rollups_with_rows
select name, kind from penfeld.rollup where kind <> 'view' order by name

-- name: materialization
-- The table in which a continuous aggregate keeps its rows.
select materialization_hypertable_schema, materialization_hypertable_name
from timescaledb_information.continuous_aggregates
where view_schema = 'rollups' and view_name = %s
