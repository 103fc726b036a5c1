-- name: identify
select id, key, type, state, simulated from penfeld.device where id = any(%s)

-- name: devices
select d.id, d.type, d.state, d.name, d.network, d.latitude, d.longitude, d.district, d.experiment, d.simulated,
       d.tags, d.variables, least(d.first_seen, l.first_seen), greatest(d.last_seen, l.last_seen)
from penfeld.device as d
left join penfeld.heard as l on l.device = d.key
where (%(type)s::text is null or d.type = %(type)s)
  and (%(state)s::text is null or d.state = %(state)s)
  and (%(district)s::text is null or d.district = %(district)s)
  and (%(simulated)s::boolean is null or d.simulated = %(simulated)s)
  and (
      %(experiments)s::text[] is null
      or (d.state <> 'pending' and coalesce(d.experiment, '') = any(%(experiments)s))
  )
  and (%(after)s::text is null or d.id collate "C" > %(after)s)
  and (%(search)s::text is null or position(lower(%(search)s) in lower(d.id || ' ' || d.name)) > 0)
order by d.id collate "C"
limit %(limit)s

-- name: device
select d.id, d.type, d.state, d.name, d.network, d.latitude, d.longitude, d.district, d.experiment, d.simulated,
       d.tags, d.variables, least(d.first_seen, l.first_seen), greatest(d.last_seen, l.last_seen)
from penfeld.device as d
left join penfeld.heard as l on l.device = d.key
where d.id = %s

-- name: retyped
-- Devices that a list gives another type: what is known of their fields no longer holds.
select d.key
from jsonb_to_recordset(%s) as new (id text, type text)
join penfeld.device as d on d.id = new.id
where d.type is distinct from new.type
order by d.key
for update of d

-- name: forget_readings
update penfeld.heard set time = null, received_at = null, flags = null where device = any(%s)

-- name: register
-- Insert, or update where anything differs; what is unchanged is not returned. The network on which a device was heard
-- stays until a list names another.
insert into penfeld.device as old (
    id, type, state, name, network, latitude, longitude, district, experiment, simulated, tags, variables
)
select id, type, state, name, network, latitude, longitude, district, experiment, simulated, tags, variables
from jsonb_to_recordset(%s) as new (
    id text, type text, state text, name text, network text, latitude double precision, longitude double precision,
    district text, experiment text, simulated boolean, tags jsonb, variables jsonb
)
order by id
on conflict (id) do update set
    type = excluded.type, state = excluded.state, name = excluded.name,
    network = coalesce(excluded.network, old.network),
    latitude = excluded.latitude, longitude = excluded.longitude, district = excluded.district,
    experiment = excluded.experiment, simulated = excluded.simulated, tags = excluded.tags,
    variables = excluded.variables
where (
    old.type, old.state, old.name, old.network, old.latitude, old.longitude, old.district, old.experiment,
    old.simulated, old.tags, old.variables
) is distinct from (
    excluded.type, excluded.state, excluded.name, coalesce(excluded.network, old.network),
    excluded.latitude, excluded.longitude, excluded.district, excluded.experiment, excluded.simulated, excluded.tags, excluded.variables
)
returning id, xmax = 0

-- name: retire
update penfeld.device set state = 'retired' where id = %s returning id

-- name: simulated_devices
select key from penfeld.device where simulated order by key for update

-- name: touched_devices
-- Real devices that simulated frames came for: their newest values are found again.
select distinct u.device
from penfeld.uplink as u
join penfeld.device as d on d.key = u.device
where u.simulated and not d.simulated

-- name: purge_uplink
delete from penfeld.uplink where simulated or device = any(%s)

-- name: purge_quarantine
delete from penfeld.quarantine
where simulated or device in (select id from penfeld.device where simulated)

-- name: purge_heard
delete from penfeld.heard where device = any(%s)

-- name: purge_device
delete from penfeld.device where simulated

-- name: hear_again
-- When each device was heard, from its frames; of its readings the tables tell.
insert into penfeld.heard (device, first_seen, last_seen, frame_time)
select device, min(received_at), max(received_at), max(time)
from penfeld.uplink
where device = any(%s)
group by device
