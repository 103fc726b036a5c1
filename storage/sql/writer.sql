-- name: plan_for_looking_up
-- With the bounds of time in the plan other chunks are left out once and for all. TimescaleDB's ChunkAppend would look
-- for chunks to leave out again for every frame, which costs more than the look-up.
select set_config('timescaledb.enable_chunk_append', 'off', true)

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

-- name: hear
-- Of devices that simply go on (all frames surely new, all readings newer than what is stored) write down what was
-- heard; return their places in the parameters (from 1), four bytes each. Values are taken from arrays by their place: a
-- function that returns rows of many columns costs three times as much.
with done as (
    update penfeld.heard as old set
        first_seen = least(old.first_seen, new.first_seen),
        last_seen = greatest(old.last_seen, new.last_seen),
        time = case when new.read then new.time else old.time end,
        received_at = case when new.read then new.received_at else old.received_at end,
        flags = case when new.read then string_to_array(nullif(new.flags, ''), ',') else old.flags end,
        frame_time = greatest(old.frame_time, new.frame_time),
        f_cnt = case when new.counted then new.f_cnt else old.f_cnt end
    from (
        select place, session, flags, (%(devices)s)[place] as device, (%(first_seen)s)[place] as first_seen,
               (%(last_seen)s)[place] as last_seen, (%(frame_times)s)[place] as frame_time,
               (%(beyond)s)[place] as beyond, (%(rows_from)s)[place] as rows_from, (%(times)s)[place] as time,
               (%(times)s)[place] > '-infinity' as read, (%(received)s)[place] as received_at,
               (%(counted)s)[place] as counted, (%(lowest)s)[place] as lowest, (%(counters)s)[place] as f_cnt
        from rows from (unnest(%(sessions)s), unnest(%(flags)s), generate_series(1, %(count)s))
            as p (session, flags, place)
        offset 0
    ) as new
    where old.device = new.device
      and (old.time is null or new.rows_from > old.time)
      and case
          when new.counted
              then new.session = old.session and new.lowest > old.f_cnt and new.beyond > old.counted_since
          else new.beyond > old.frame_time
      end
    returning new.place
)
select coalesce(string_agg(int4send(place), ''::bytea), '') from done

-- name: suspects
-- Devices (their places in the parameters, from 1) whose frames are not all surely new, and those of which a reading is
-- not newer than all that is stored, with the newest time of these in microseconds since 1970.
select new.place,
       (new.beyond > old.frame_time
        or (new.session = old.session and new.lowest > old.f_cnt and new.beyond > old.counted_since)) is not true,
       case when new.rows_from <= old.time then (extract(epoch from old.time) * 1000000)::bigint end
from (
    select place, session, (%(devices)s)[place] as device, (%(beyond)s)[place] as beyond,
           (%(rows_from)s)[place] as rows_from, (%(lowest)s)[place] as lowest
    from rows from (unnest(%(sessions)s), generate_series(1, %(count)s)) as p (session, place)
    offset 0
) as new
join penfeld.heard as old on old.device = new.device
where (new.beyond > old.frame_time
       or (new.session = old.session and new.lowest > old.f_cnt and new.beyond > old.counted_since)) is not true
   or new.rows_from <= old.time

-- name: remember
-- A counter that begins again, and a new session, hold from the newest time before; frames of several sessions tell
-- nothing before the newest of their times.
merge into penfeld.heard as old
using (
    select session, string_to_array(nullif(flags, ''), ',') as flags,
           (%(devices)s)[place] as device, (%(first_seen)s)[place] as first_seen, (%(last_seen)s)[place] as last_seen,
           (%(frame_times)s)[place] as frame_time, nullif((%(times)s)[place], '-infinity') as time,
           (%(received)s)[place] as received_at, (%(counted)s)[place] as counted, (%(mixed)s)[place] as mixed,
           (%(counters)s)[place] as f_cnt
    from rows from (unnest(%(sessions)s), unnest(%(flags)s), generate_series(1, %(count)s)) as p (session, flags, place)
    offset 0
) as new
on old.device = new.device
when matched then update set
    first_seen = least(old.first_seen, new.first_seen),
    last_seen = greatest(old.last_seen, new.last_seen),
    time = greatest(old.time, new.time),
    received_at = case when new.time <= old.time or new.time is null then old.received_at else new.received_at end,
    flags = case when new.time <= old.time or new.time is null then old.flags else new.flags end,
    frame_time = greatest(old.frame_time, new.frame_time),
    session = case
        when new.counted and (new.mixed or new.frame_time > old.frame_time) then new.session
        else old.session
    end,
    f_cnt = case
        when not new.counted then old.f_cnt
        when new.mixed or new.session = old.session and new.f_cnt >= old.f_cnt then new.f_cnt
        when new.frame_time > old.frame_time then new.f_cnt
        else old.f_cnt
    end,
    counted_since = case
        when not new.counted then old.counted_since
        when new.mixed then greatest(old.frame_time, new.frame_time)
        when new.session = old.session and new.f_cnt >= old.f_cnt then old.counted_since
        when new.frame_time > old.frame_time then old.frame_time
        else old.counted_since
    end
when not matched then insert
    (device, first_seen, last_seen, time, received_at, flags, frame_time, session, f_cnt, counted_since)
    values (
        new.device, new.first_seen, new.last_seen, new.time,
        case when new.time is not null then new.received_at end, new.flags, new.frame_time,
        case when new.counted then new.session end, case when new.counted then new.f_cnt end,
        case when new.mixed then new.frame_time when new.counted then '-infinity' end
    )

-- name: note_changes
insert into penfeld.changed_hour (device_type, hour) select %s, hour from unnest(%s) as hour

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
