-- name: history_codecs
select key, version from penfeld.codec where device_type = %s order by key

-- name: history_now
select now()

-- name: history_device
select key from penfeld.device where id = %s

-- name: history_extent
-- How many frames there are of each device.
select u.device, count(*), array_agg(distinct u.codec)
from penfeld.uplink as u
where u.codec = any(%(codecs)s)
  and (%(device)s::integer is null or u.device = %(device)s)
  and u.time >= %(start)s::timestamptz
  and u.time < %(end)s::timestamptz
  and u.received_at < %(until)s
group by u.device
order by u.device

-- name: history_snapshot
-- What a step sees is as it was at its beginning; who changes a row that another changed meanwhile begins again.
set transaction isolation level repeatable read

-- name: history_plan
-- Plan each statement for its own times and devices: other chunks are left out at once.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: history_frames
-- Frames of a part; whole groups of one device and time.
select u.device, u.time, u.key, u.received_at, u.network_time, u.source, u.network, u.session, u.f_cnt, u.f_port,
       u.codec, u.simulated, u.payload, u.fields
from penfeld.uplink as u
where u.device = any(%(devices)s)
  and u.codec = any(%(codecs)s)
  and u.time > %(after)s::timestamptz
  and u.time >= %(start)s::timestamptz
  and u.time < %(end)s::timestamptz
order by u.device, u.time
fetch first %(limit)s rows with ties

-- name: history_moved_here
-- Frames of these devices that a run has moved: it has done them, and does not take them again where they are now.
select device, time_after, key_after from penfeld.moved where device = any(%s) and run = %s

-- name: history_supersede
-- Stands behind the command that takes the rows away.
insert into penfeld.superseded (device_type, device, time, codec, simulated, replaced_at, run, row)
select %(type)s, device, time, codec, simulated, now(), %(run)s, jsonb_strip_nulls(said) from taken

-- name: history_hours
insert into penfeld.changed_hour (device_type, hour)
select %s, hour from unnest(%s) as hour

-- name: history_move
-- Raw frames to their new times; where another frame stands there, one stays where it was.
insert into penfeld.uplink (
    device, time, key, received_at, network_time, source, network, session, f_cnt, f_port, rssi_dbm, snr_db, gateway,
    codec, simulated, payload, fields, rest
)
select u.device, p.new_time, p.new_key, u.received_at, u.network_time, u.source, u.network, u.session, u.f_cnt,
       u.f_port, u.rssi_dbm, u.snr_db, u.gateway, u.codec, u.simulated, u.payload, u.fields, u.rest
from unnest(%(devices)s, %(times)s, %(keys)s, %(new_times)s, %(new_keys)s) as p (device, time, key, new_time, new_key)
join penfeld.uplink as u on u.device = p.device and u.time = p.time and u.key = p.key
where u.device = any(%(devices)s) and u.time between %(start)s and %(end)s
on conflict do nothing
returning device, time, key

-- name: history_leave
delete from penfeld.uplink as u
using unnest(%(devices)s, %(times)s, %(keys)s) as p (device, time, key)
where u.device = p.device and u.time = p.time and u.key = p.key
  and u.device = any(%(devices)s) and u.time between %(start)s and %(end)s

-- name: history_remember_moved
insert into penfeld.moved (run, device, time_before, key_before, time_after, key_after)
select %(run)s, p.device, p.time, p.key, p.new_time, p.new_key
from unnest(%(devices)s, %(times)s, %(keys)s, %(new_times)s, %(new_keys)s) as p (device, time, key, new_time, new_key)

-- name: history_heard_moved
-- What says that a frame is surely new holds no longer: the writer looks for these devices' frames itself.
update penfeld.heard as h
set frame_time = greatest(h.frame_time, p.time), session = null, f_cnt = null, counted_since = null
from (select device, max(time) as time from unnest(%s, %s) as q (device, time) group by device) as p
where h.device = p.device

-- name: history_heard
select device, time from penfeld.heard where device = any(%s) and time is not null

-- name: history_begin
insert into penfeld.redecode (
    device_type, device, start_time, end_time, drop_undecodable, version, versions_before, until, frames, back, ahead
)
values (
    %(device_type)s, %(device)s, %(start)s, %(end)s, %(drop_undecodable)s, %(version)s, %(versions_before)s, %(until)s,
    %(frames)s, %(back)s, %(ahead)s
)
returning run

-- name: history_give_up
update penfeld.redecode set state = 'given_up', finished_at = now() where device_type = %s and state = 'open'

-- name: history_progress
-- Nobody else may have come here: the place is still the one that this process knows.
update penfeld.redecode
set place_device = %(device)s, place_time = %(time)s, place_key = %(key)s, counts = %(counts)s, stale = %(stale)s,
    changed_at = now()
where run = %(run)s
  and state = 'open'
  and (place_device, place_time, place_key)
      is not distinct from (%(old_device)s::integer, %(old_time)s::timestamptz, %(old_key)s::bytea)

-- name: history_finish
update penfeld.redecode set state = 'finished', changed_at = now(), finished_at = now()
where run = %s and state = 'open'

-- name: history_stale
select stale from penfeld.redecode where run = %s

-- name: history_settled
update penfeld.redecode set stale = '{}' where run = %s

-- name: history_claim
-- One process at a time changes the history of a device type; held by the connection.
select pg_try_advisory_lock(7033630, hashtext(%s))

-- name: history_release
select pg_advisory_unlock(7033630, hashtext(%s))

-- name: history_runs
select run, device_type, device, start_time, end_time, drop_undecodable, version, versions_before, until, frames,
       back, ahead, counts, place_device, place_time, place_key, state, started_at, changed_at, finished_at,
       state = 'open' and exists (
           select from pg_locks as l
           where l.locktype = 'advisory' and l.granted and l.classid = 7033630
             and l.database = (select oid from pg_database where datname = current_database())
             and l.objid = (hashtext(device_type)::bigint & 4294967295)::oid
       )
from penfeld.redecode
where %(run)s::bigint is null or run = %(run)s
order by run desc

-- name: history_purge
-- What simulated readings said before goes with them, and that frames of simulated devices moved.
with gone as (delete from penfeld.moved where device = any(%(devices)s))
delete from penfeld.superseded where simulated or device = any(%(devices)s)

-- name: history_said
select s.device_type, s.time, c.version, s.simulated, s.row, s.replaced_at, s.run
from penfeld.superseded as s
join penfeld.codec as c on c.key = s.codec
where s.device = %(device)s and s.time >= %(start)s and s.time < %(end)s
order by s.time, s.replaced_at desc, s.run desc

-- name: history_types
-- Types that readings of a device may be of.
select type from penfeld.device where key = %(device)s and type is not null
union
select device_type from penfeld.superseded where device = %(device)s
