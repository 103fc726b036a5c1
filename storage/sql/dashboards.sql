-- name: rollups_there
select 'rollups.' || c.relname
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'rollups'

-- name: keys_of_type
select id, key from penfeld.device where id = any(%(devices)s) and type = %(type)s

-- name: expected_keys
-- How many active devices of a type there are, and which, unless these are all.
select count(*), array_agg(d.key) filter (where %(devices)s::text[] is not null or %(districts)s::text[] is not null)
from penfeld.device as d
where d.type = %(type)s
  and d.state = 'active'
  and (%(devices)s::text[] is null or d.id = any(%(devices)s))
  and (%(districts)s::text[] is null or coalesce(d.district, '') = any(%(districts)s))
  and (%(simulated)s::boolean is null or d.simulated = %(simulated)s)

-- name: expected_devices
-- The same devices with when they were first heard.
select d.key, d.id, d.name, d.district, least(d.first_seen, h.first_seen)
from penfeld.device as d
left join penfeld.heard as h on h.device = d.key
where d.type = %(type)s
  and d.state = 'active'
  and (%(devices)s::text[] is null or d.id = any(%(devices)s))
  and (%(districts)s::text[] is null or coalesce(d.district, '') = any(%(districts)s))
  and (%(simulated)s::boolean is null or d.simulated = %(simulated)s)
