-- name: latest
select d.id, d.type, d.state, d.name, d.network, d.latitude, d.longitude, d.district, d.experiment, d.simulated,
       d.tags, d.variables, least(d.first_seen, l.first_seen), greatest(d.last_seen, l.last_seen),
       l.time, l.received_at, l.flags, d.key
from penfeld.heard as l
join penfeld.device as d on d.key = l.device
where l.time is not null
  and d.state = 'active'
  and (%(type)s::text is null or d.type = %(type)s)
  and (%(devices)s::text[] is null or d.id = any(%(devices)s))
order by d.id collate "C"

-- name: ledger
-- All workers' lines of an hour and source together.
select hour, source, sum(received)::bigint, sum(stored)::bigint, sum(duplicate)::bigint, sum(quarantined)::bigint,
       coalesce(-sum(quarantined) filter (where worker = %(replay)s), 0)::bigint
from penfeld.ledger
where (%(start)s::timestamptz is null or hour >= %(start)s)
  and (%(end)s::timestamptz is null or hour < %(end)s)
  and (%(source)s::text is null or source = %(source)s)
group by hour, source
order by hour desc, source collate "C"

-- name: unaccounted
-- Both in one statement, so that they are of one moment. There may be less in quarantine than was counted: simulated
-- frames are deleted, and the ledger is history.
select (select coalesce(sum(abs(received - stored - duplicate - quarantined)), 0) from penfeld.ledger)
       + greatest(
           0,
           (select coalesce(sum(times), 0) from penfeld.quarantine)
           - (select coalesce(sum(quarantined), 0) from penfeld.ledger)
       )

-- name: ledger_workers
select worker, sum(received)::bigint, sum(stored)::bigint, sum(duplicate)::bigint, sum(quarantined)::bigint
from penfeld.ledger
where (%(start)s::timestamptz is null or hour >= %(start)s)
group by worker
order by worker collate "C"

-- name: facts
select current_setting('server_version'),
       (select extversion from pg_extension where extname = 'timescaledb'),
       (select coalesce(max(number), 0) from penfeld.migration),
       pg_database_size(current_database()),
       now()

-- name: keys_of_devices
-- In order of id; all devices where none is named.
select key, id from penfeld.device
where %(devices)s::text[] is null or id = any(%(devices)s)
order by id collate "C"

-- name: versions_of_codecs
select key, version from penfeld.codec order by key
