-- name: lock_quarantine
-- Writers that set messages aside do so one after the other: lines are numbered in order of arrival, and nobody waits in
-- a circle.
select pg_advisory_xact_lock(7033629, 0)

-- name: write_quarantine
-- A frame that was judged before its device was registered, and comes here afterwards, is marked for replay at once.
insert into penfeld.quarantine as old (
    hash, source, reason, detail, topic, message, network, device, device_type, received_at, last_received_at, times,
    simulated, replay_requested_at
)
values (
    %(hash)s, %(source)s, %(reason)s, %(detail)s, %(topic)s, %(message)s, %(network)s, %(device)s, %(device_type)s,
    %(received_at)s, %(last_received_at)s, %(times)s, %(simulated)s,
    case
        when %(reason)s in ('unknown_device', 'pending_device', 'retired_device')
            and exists (select from penfeld.device where id = %(device)s and state = 'active')
        then clock_timestamp()
    end
)
on conflict (hash) do update set
    source = excluded.source,
    reason = excluded.reason,
    detail = excluded.detail,
    received_at = least(old.received_at, excluded.received_at),
    last_received_at = greatest(old.last_received_at, excluded.last_received_at),
    times = old.times + excluded.times,
    simulated = old.simulated and excluded.simulated,
    replay_requested_at = coalesce(excluded.replay_requested_at, old.replay_requested_at)

-- name: hear_device
-- A device that nobody registered is pending from its first frame on; of a registered one only when it was heard.
insert into penfeld.device as old (id, type, network, simulated, first_seen, last_seen)
values (%(device)s, %(device_type)s, %(network)s, %(simulated)s, %(first)s, %(last)s)
on conflict (id) do update set
    type = coalesce(old.type, case when old.state = 'pending' then excluded.type end),
    network = coalesce(old.network, case when old.state = 'pending' then excluded.network end),
    simulated = old.simulated and (old.state <> 'pending' or excluded.simulated),
    first_seen = least(old.first_seen, excluded.first_seen),
    last_seen = greatest(old.last_seen, excluded.last_seen)

-- name: quarantine_wanted
-- The condition that a filter is. Part of the statements below, which name it.
(%(reason)s::text is null or reason = %(reason)s)
  and (%(device)s::text is null or device = %(device)s)
  and (%(source)s::text is null or source = %(source)s)
  and (%(start)s::timestamptz is null or last_received_at >= %(start)s)
  and (%(end)s::timestamptz is null or received_at < %(end)s)
  and (%(frame)s::bigint is null or id = %(frame)s)
  and (not %(requested)s or replay_requested_at is not null)

-- name: quarantine
select id, source, reason, detail, topic, message, device, device_type, received_at, last_received_at, times,
       simulated, replay_requested_at
from penfeld.quarantine
where {wanted}
  and (%(before)s::bigint is null or id < %(before)s)
order by id desc
limit %(limit)s

-- name: quarantine_lines
-- Of large messages only so many that their bytes fit, one at least: a broker may take any size.
select id, source, reason, detail, topic, message, device, device_type, received_at, last_received_at, times,
       simulated, replay_requested_at
from (
    select *, sum(octet_length(message)) over (order by id) - octet_length(message) as before
    from (
        select * from penfeld.quarantine where {wanted} and id > %(after)s order by id limit %(limit)s
    ) as page
) as measured
where before < %(bytes)s
order by id

-- name: quarantine_sums
-- The index by reason holds all of it.
select reason, count(*), sum(times)::bigint,
       coalesce(sum(times) filter (where replay_requested_at is not null), 0)::bigint
from penfeld.quarantine
group by reason
order by reason collate "C"

-- name: request_replay
-- Mark some lines that a filter means and that have not this mark yet; a mark is a moment, so that a later one differs.
update penfeld.quarantine
set replay_requested_at = %(at)s
where id in (
    select id
    from penfeld.quarantine
    where {wanted}
      and replay_requested_at is distinct from %(at)s
    order by id
    limit %(limit)s
)

-- name: quarantine_count
select count(*), coalesce(sum(times), 0)::bigint
from penfeld.quarantine
where {wanted}

-- name: marked_of_devices
select count(*), coalesce(sum(times), 0)::bigint
from penfeld.quarantine
where device = any(%s)
  and replay_requested_at is not null

-- name: request_types
-- Lines of an unknown device type that is known now: the one in the message, or the one of the register.
with marked as (
    update penfeld.quarantine as q
    set replay_requested_at = clock_timestamp()
    where q.reason = 'unknown_type'
      and (
        q.device_type = any(%(types)s)
        or exists (select from penfeld.device as d where d.id = q.device and d.type = any(%(types)s))
      )
    returning q.times
)
select count(*), coalesce(sum(times), 0)::bigint from marked

-- name: request_devices
-- What was judged by what these devices were before: their state, or their type.
update penfeld.quarantine as q
set replay_requested_at = clock_timestamp()
from penfeld.device as d
where d.id = any(%s)
  and d.state = 'active'
  and q.device = d.id
  and (
    q.reason in ('unknown_device', 'pending_device', 'retired_device', 'unknown_type')
    or q.device_type is distinct from d.type
  )

-- name: claim_lines
-- Lines to take out, held until the end of the transaction. Those that somebody else holds are left to him.
select id, hash, source, times, received_at, last_received_at
from penfeld.quarantine
where id = any(%s)
order by id
for update skip locked

-- name: keep_line
-- What is still not understood, under its reason of today; a mark made since it was looked at stays.
update penfeld.quarantine
set reason = %(reason)s,
    detail = %(detail)s,
    network = %(network)s,
    device_type = %(device_type)s,
    times = %(times)s,
    replay_requested_at = nullif(replay_requested_at, %(requested_at)s)
where id = %(id)s

-- name: remove_lines
delete from penfeld.quarantine where id = any(%s)

-- name: now
select clock_timestamp()
