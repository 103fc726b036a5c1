-- Observations for SensorThings. What stands in braces is made of device types and terms by storage/sta.py; whatever
-- comes from a request is a parameter.

-- name: sta_branch
-- The observations of one device type: a row for each of these fields of each reading.
select d.id as device, v.field, r.time, r.received_at, r.flags, r.simulated, c.version, v.number, v.whole, v.word,
       v.truth, {latitude} as latitude, {longitude} as longitude
from {table} as r
join penfeld.device as d on d.key = r.device
join penfeld.codec as c on c.key = r.codec
cross join lateral (values {fields}) as v (field, number, whole, word, truth)
where {conditions}
order by {order}
limit %(rows)s

-- name: sta_all
select * from ({branches}) as o order by {order} limit %(limit)s offset %(skip)s

-- name: sta_each
-- So many observations of each device.
select o.*
from penfeld.device as d
cross join lateral (
    select d.id as device, v.field, r.time, r.received_at, r.flags, r.simulated, c.version, v.number, v.whole, v.word,
           v.truth, {latitude} as latitude, {longitude} as longitude
    from {table} as r
    join penfeld.codec as c on c.key = r.codec
    cross join lateral (values {fields}) as v (field, number, whole, word, truth)
    where r.device = d.key and {conditions}
    order by {order}
    limit %(rows)s
) as o
where d.state <> 'pending' and d.id = any({devices})

-- name: sta_count
select count(*) from (select from ({branches}) as o limit %(rows)s) as counted

-- name: sta_extents
select d.id, f.time, f.received_at, l.received_at, {times}
from penfeld.device as d
join {latest} as n on n.device = d.key
cross join lateral (select r.time, r.received_at from {table} as r where r.device = d.key order by r.time limit 1) as f
cross join lateral (select r.received_at from {table} as r where r.device = d.key order by r.time desc limit 1) as l
where d.id = any(%(devices)s)
