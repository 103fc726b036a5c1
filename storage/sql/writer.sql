-- name: plan_for_writing
-- For this transaction: plan with the batch's own bounds of time, so that other chunks are left out once and for all.
-- TimescaleDB's ChunkAppend would look for chunks to leave out again for every frame, which costs more than the look-up.
select set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('timescaledb.enable_chunk_append', 'off', true)

-- name: lock_devices
-- Writers of the same devices wait for each other until the end of the transaction: what one has checked, no other
-- changes before the commit. Devices are spread over a few locks, taken in order, so that nobody waits in a circle.
select pg_advisory_xact_lock(7033628, slot) from unnest(%s) as slot

-- name: lock_all_devices
select pg_advisory_xact_lock(7033628, slot) from generate_series(0, %s - 1) as slot

-- name: duplicates
-- Positions (from 1) of frames that are stored already: the same key at the same time, or within an hour if the frame
-- has a counter. The bounds of the whole batch let the planner leave out the other chunks; "lateral" and "limit" make
-- it look each frame up by the unique index, where a join would read whole chunks.
select p.n
from unnest(%(devices)s, %(keys)s, %(times)s, %(counters)s) with ordinality as p (device, key, time, counter, n)
cross join lateral (
    select
    from penfeld.uplink as u
    where u.device = p.device
      and u.key = p.key
      and u.time between p.time - case when p.counter then interval '1 hour' else interval '0' end
                     and p.time + case when p.counter then interval '1 hour' else interval '0' end
      and u.time between %(start)s - interval '1 hour' and %(end)s + interval '1 hour'
    limit 1
) as found

-- name: late_rows
-- Positions (from 1) of readings not newer than all that is stored of their device: only these can meet a row of the
-- same device and time.
select p.n
from unnest(%s, %s) with ordinality as p (device, time, n)
join penfeld.latest as l on l.device = p.device
where p.time <= l.time

-- name: merge_latest
merge into penfeld.latest as old
using (
    select device, first_seen, last_seen, nullif(time, '-infinity') as time, oldest, received_at,
           string_to_array(nullif(flags, ''), ',') as flags, fields
    from unnest(
        %(devices)s, %(first_seen)s, %(last_seen)s, %(times)s, %(oldest)s, %(received)s, %(flags)s, %(fields)s
    ) as p (device, first_seen, last_seen, time, oldest, received_at, flags, fields)
) as new
on old.device = new.device
when matched then update set
    first_seen = least(old.first_seen, new.first_seen),
    last_seen = greatest(old.last_seen, new.last_seen),
    time = greatest(old.time, new.time),
    received_at = case when old.time is null or new.time > old.time then new.received_at else old.received_at end,
    flags = case when old.time is null or new.time > old.time then new.flags else old.flags end,
    fields = case
        when new.fields = '{}' then old.fields
        when new.oldest <= old.time then penfeld.newest_fields(old.fields, new.fields)
        else old.fields || new.fields
    end
when not matched then insert (device, first_seen, last_seen, time, received_at, flags, fields)
    values (new.device, new.first_seen, new.last_seen, new.time, new.received_at, new.flags, new.fields)

-- name: write_ledger
insert into penfeld.ledger as old (hour, source, worker, received, stored, duplicate, quarantined)
values (%s, %s, %s, %s, %s, %s, %s)
on conflict (hour, source, worker) do update set
    received = old.received + excluded.received,
    stored = old.stored + excluded.stored,
    duplicate = old.duplicate + excluded.duplicate,
    quarantined = old.quarantined + excluded.quarantined

-- name: codec_key
-- Its number, new or old. "do nothing" would return no row, and a look-up beside it would not see the row that another
-- worker has made since this statement began.
insert into penfeld.codec as old (device_type, version) values (%(type)s, %(version)s)
on conflict (device_type, version) do update set version = excluded.version
returning key
