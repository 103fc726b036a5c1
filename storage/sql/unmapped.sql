-- name: unmapped_devices
-- The devices of a type that spoke last, with the event time of their newest frame.
with heard as (
    select h.device, h.frame_time, h.last_seen, max(h.last_seen) over () as newest
    from penfeld.device as d
    join penfeld.heard as h on h.device = d.key
    where d.type = %(type)s
      and (%(device)s::text is null or d.id = %(device)s)
)
select device, frame_time
from heard
where last_seen > newest - %(reach)s
  and (frame_time > last_seen - %(reach)s or %(device)s::text is not null)
order by last_seen desc, device
limit %(devices)s

-- name: unmapped_paths
-- What their newest frames said beyond the fields of this type. The bounds of the whole let the planner leave out other
-- chunks; "lateral" and "limit" make it take each device's newest frames from the index, however many there are.
select p.path, to_jsonb((array_agg(p.value order by f.time desc, a.device))[1:5]), max(f.time), count(distinct a.device)
from unnest(%(keys)s::integer[], %(times)s::timestamptz[]) as a (device, until)
cross join lateral (
    select u.time, u.codec, u.rest
    from penfeld.uplink as u
    where u.device = a.device
      and u.time <= a.until
      and u.time > a.until - %(reach)s
      and u.time <= %(end)s
      and u.time > %(start)s
    order by u.time desc
    limit %(frames)s
) as f
join penfeld.codec as c on c.key = f.codec and c.device_type = %(type)s
cross join lateral jsonb_each(f.rest -> 'paths') as p (path, value)
group by p.path
order by p.path collate "C"
