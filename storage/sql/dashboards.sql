-- name: rollups_there
select 'rollups.' || c.relname
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'rollups'

-- name: keys_of_type
select id, key from penfeld.device where id = any(%(devices)s) and type = %(type)s

-- name: expected_keys
-- Active devices of a type.
select key
from penfeld.device
where type = %(type)s
  and state = 'active'
  and (%(devices)s::text[] is null or id = any(%(devices)s))
  and (%(districts)s::text[] is null or coalesce(district, '') = any(%(districts)s))
  and (%(simulated)s::boolean is null or simulated = %(simulated)s)

-- name: expected_devices
-- Devices with when they were first heard.
select d.key, d.id, d.name, d.district, least(d.first_seen, h.first_seen)
from penfeld.device as d
left join penfeld.heard as h on h.device = d.key
where d.key = any(%s)
