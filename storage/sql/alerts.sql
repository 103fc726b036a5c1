-- name: news_wanted
-- What to tell; since when nothing is told, if so.
select w.device_type, w.fields, l.since
from penfeld.news_wanted as w
left join penfeld.news_lost as l on not l.telling

-- name: lock_telling
select pg_advisory_xact_lock_shared(hashtext('penfeld.news'))

-- name: lock_asking
-- Waits for writers that looked already at what is wanted, until what they tell, or do not, can be read.
select pg_advisory_xact_lock(hashtext('penfeld.news'))

-- name: tell_news
insert into penfeld.news (body, arrived_at) values (%s, %s)

-- name: lose_news
update penfeld.news_lost set since = least(since, %s)

-- name: bound_news
-- Where nobody takes news, they go, and are not told any more.
with there as (
    select sum(octet_length(body)) as bytes, min(at) as oldest, min(arrived_at) as since from penfeld.news
), lost as (
    insert into penfeld.news_lost as old (since, telling)
    select since, false from there where bytes > %(bytes)s or oldest < now() - %(age)s
    on conflict (one) do update set since = least(old.since, excluded.since), telling = false
    returning since
), gone as (
    delete from penfeld.news where exists (select from lost)
)
select since from lost

-- name: news
select id, arrived_at, body, stored_by::text::bigint, last
from (
    select *, sum(octet_length(body)) over (order by id) - octet_length(body) as before, max(id) over () as last
    from (select id, arrived_at, body, stored_by from penfeld.news order by id limit %(count)s) as oldest
) as piece
where before < %(bytes)s
order by id

-- name: stored_through
-- All that transactions of lower numbers stored can be read from now on.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint

-- name: news_lost
select since from penfeld.news_lost

-- name: tell_again
update penfeld.news_lost set telling = true where not telling

-- name: news_regained
-- Where older ones were lost meanwhile, these are not regained yet.
delete from penfeld.news_lost where telling and since >= %s

-- name: take_news
delete from penfeld.news where id = any(%s)

-- name: alerts_alone
select pg_try_advisory_lock(hashtext('penfeld.alerts')), pg_backend_pid()

-- name: still_alone
-- Whether a connection still holds the lock: it holds no other.
select exists (select from pg_locks where locktype = 'advisory' and granted and pid = %s)

-- name: alerts_stamp
-- Changes with every version of a row that rules depend on.
select hashtextextended(concat_ws(' ',
    (select sum(hashint8(xmin::text::bigint)) || ' ' || count(*) from penfeld.device where state = 'active'),
    (select sum(hashint8(xmin::text::bigint)) || ' ' || count(*) from penfeld.rule),
    (select max(learnt_at) from penfeld.cadence)), 0)

-- name: alert_members
select d.key, d.id, d.type, d.district, d.experiment, d.network, d.tags, d.simulated, d.latitude, d.longitude,
       coalesce(d.first_seen, h.first_seen), h.time, c.pause
from penfeld.device as d
left join penfeld.heard as h on h.device = d.key
left join penfeld.cadence as c on c.device = d.key
where d.state = 'active' and d.type is not null

-- name: news_asked
select (select jsonb_object_agg(device_type, fields) from penfeld.news_wanted),
       exists (select from penfeld.news_lost where not telling)

-- name: ask_for_news
with gone as (delete from penfeld.news_wanted where device_type <> all(%(types)s))
insert into penfeld.news_wanted (device_type, fields, asked_at)
select p.type, array(select jsonb_array_elements_text(p.fields)), clock_timestamp()
from jsonb_to_recordset(%(wanted)s) as p (type text, fields jsonb)
on conflict (device_type) do update set fields = excluded.fields, asked_at = excluded.asked_at

-- name: rules_that_count
select distinct on (name) name, origin, version, definition, changed_at, changed_by
from penfeld.rule
order by name, shipped

-- name: standing_alarms
select id, rule, version, subject, started_at, raised_at, ended_at, first_value, late, folded_into
from penfeld.alarm
where state = 'open'

-- name: alarms_since
select a.id, a.rule, a.version, a.subject, a.started_at, a.raised_at, a.ended_at, a.first_value, a.late, a.folded_into
from unnest(%(rules)s::text[], %(subjects)s::text[], %(times)s) as p (rule, subject, since)
join penfeld.alarm as a on a.rule = p.rule and a.subject = p.subject
where a.state <> 'withdrawn' and (a.ended_at is null or a.ended_at >= p.since)

-- name: signals_since
select s.rule, s.leaf, s.subject, s.started_at, s.raised_at, s.ended_at
from unnest(%(rules)s::text[], %(subjects)s::text[], %(times)s) as p (rule, subject, since)
join penfeld.signal as s on s.rule = p.rule and s.subject = p.subject
where s.ended_at is null or s.ended_at >= p.since

-- name: heard_through
select subject, last_at, pause from penfeld.heard_through

-- name: heard_by
select p.device, (array_agg(u.source order by u.time desc))[1],
       array_agg(distinct u.gateway) filter (where u.gateway is not null)
from unnest(%(devices)s::integer[]) as p (device)
cross join lateral (
    select source, gateway, time from penfeld.uplink
    where device = p.device and time > %(since)s
    order by time desc limit 10
) as u
group by p.device

-- name: unseat_alarms
-- Alarms that move let go of where they began: the next statement gives each its new place.
update penfeld.alarm as a set state = 'withdrawn'
from unnest(%(ids)s, %(starts)s) as p (id, start)
where a.id = p.id and a.started_at <> p.start and a.state <> 'withdrawn'

-- name: revise_alarms
update penfeld.alarm as a set
    state = p.state, started_at = p.started_at, raised_at = p.raised_at, ended_at = p.ended_at,
    first_value = coalesce(p.first_value, a.first_value), last_value = coalesce(p.last_value, a.last_value),
    last_at = coalesce(p.last_at, a.last_at), reason = p.reason, folded_into = p.folded_into,
    closed_at = case when p.state = 'open' then null else coalesce(a.closed_at, %(at)s) end
from jsonb_to_recordset(%(revisions)s) as p (
    id bigint, state text, started_at timestamptz, raised_at timestamptz, ended_at timestamptz,
    first_value jsonb, last_value jsonb, last_at timestamptz, reason text, folded_into bigint
)
where a.id = p.id
returning a.id

-- name: newest_of_alarms
-- How alarms that are open still go on.
update penfeld.alarm as a set last_value = p.value, last_at = p.at
from jsonb_to_recordset(%s) as p (id bigint, value jsonb, at timestamptz)
where a.id = p.id and a.state = 'open' and (a.last_at is null or a.last_at < p.at)

-- name: open_alarms
insert into penfeld.alarm (
    rule, version, severity, state, subject, device, device_type, simulated, started_at, raised_at, ended_at,
    opened_at, closed_at, first_value, last_value, last_at, late, folded_into
)
select p.rule, p.version, p.severity, case when p.ended_at is null then 'open' else 'cleared' end, p.subject, d.key,
       p.device_type, p.simulated, p.started_at, p.raised_at, p.ended_at,
       %(at)s, case when p.ended_at is null then null::timestamptz else %(at)s end,
       p.first_value, p.last_value, p.last_at, p.late, p.folded_into
from jsonb_to_recordset(%(openings)s) as p (
    rule text, version text, severity text, subject text, device integer, device_type text, simulated boolean,
    started_at timestamptz, raised_at timestamptz, ended_at timestamptz,
    first_value jsonb, last_value jsonb, last_at timestamptz, late boolean, folded_into bigint
)
left join penfeld.device as d on d.key = p.device
where p.device is null or d.key is not null
order by p.started_at
on conflict do nothing
returning id, rule, subject, started_at

-- name: note_alarm_events
insert into penfeld.alarm_event (alarm, at, kind, who, text)
select p.alarm, %(at)s, p.kind, coalesce(p.who, ''), coalesce(p.text, '')
from jsonb_to_recordset(%(events)s) as p (alarm bigint, kind text, who text, text text)

-- name: notify
insert into penfeld.notification (channel, kind, alarm, created_at, due_at)
select p.channel, p.kind, p.alarm, %(at)s, %(at)s
from jsonb_to_recordset(%(lines)s) as p (channel text, kind text, alarm bigint)

-- name: forget_signals
delete from penfeld.signal as s
using jsonb_to_recordset(%s) as p (rule text, leaf integer, subject text, since timestamptz)
where s.rule = p.rule and s.leaf = p.leaf and s.subject = p.subject and (s.ended_at is null or s.ended_at >= p.since)

-- name: keep_signals
insert into penfeld.signal (rule, leaf, subject, started_at, raised_at, ended_at)
select p.rule, p.leaf, p.subject, p.started_at, p.raised_at, p.ended_at
from jsonb_to_recordset(%s) as p (
    rule text, leaf integer, subject text, started_at timestamptz, raised_at timestamptz, ended_at timestamptz
)

-- name: keep_heard
insert into penfeld.heard_through as old (subject, last_at, pause)
select p.subject, p.last_at, make_interval(secs => p.pause)
from jsonb_to_recordset(%s) as p (subject text, last_at timestamptz, pause double precision)
on conflict (subject) do update set last_at = greatest(old.last_at, excluded.last_at), pause = excluded.pause

-- name: alarms_by_id
select a.id, a.rule, a.version, a.severity, a.state, a.subject, d.id, a.device_type, d.district, a.simulated,
       a.started_at, a.raised_at, a.ended_at, a.opened_at, a.closed_at, a.first_value, a.last_value, a.last_at,
       a.reason, a.late, a.folded_into,
       (select count(*) from penfeld.alarm as f where f.folded_into = a.id and f.state = 'open'),
       a.acknowledged_at, a.acknowledged_by, a.assigned_to,
       (select max(penfeld.silent_until(s.starts_at, s.ends_at, s.weekly, now())) from penfeld.silence as s
        where a.state = 'open' and now() between s.starts_at and s.ends_at
          and (s.rule is null or s.rule = a.rule) and (s.subject is null or s.subject = a.subject)
          and (s.device_type is null or s.device_type = a.device_type)
          and (s.district is null or s.district = d.district))
from penfeld.alarm as a
left join penfeld.device as d on d.key = a.device
where a.id = any(%s)
order by a.id desc

-- name: alarm_page
select a.id
from penfeld.alarm as a
left join penfeld.device as d on d.key = a.device
where (%(before)s::bigint is null or a.id < %(before)s)
  and (%(state)s::text[] is null or a.state = any(%(state)s))
  and (%(severity)s::text[] is null or a.severity = any(%(severity)s))
  and (%(rule)s::text is null or a.rule = %(rule)s)
  and (%(subject)s::text is null or a.subject = %(subject)s)
  and (%(device_type)s::text is null or a.device_type = %(device_type)s)
  and (%(district)s::text is null or d.district = %(district)s)
  and (%(devices)s::text[] is null or d.id = any(%(devices)s))
  and (%(acknowledged)s::boolean is null or (a.acknowledged_at is not null) = %(acknowledged)s)
  and (%(folded)s::boolean is null or (a.folded_into is not null) = %(folded)s)
  and (%(simulated)s::boolean is null or a.simulated = %(simulated)s)
  and (%(end)s::timestamptz is null or a.raised_at < %(end)s)
  and (%(start)s::timestamptz is null or a.ended_at is null or a.ended_at >= %(start)s)
order by a.id desc
limit %(limit)s

-- name: alarm_counts
select severity, acknowledged_at is not null, count(*)
from penfeld.alarm
where state = 'open' and folded_into is null and not simulated
group by 1, 2

-- name: alarm_events
select at, kind, who, text from penfeld.alarm_event where alarm = %s order by id

-- name: acknowledge_alarms
update penfeld.alarm set acknowledged_at = %(at)s, acknowledged_by = %(who)s
where id = any(%(ids)s) and acknowledged_at is null
returning id

-- name: assign_alarm
update penfeld.alarm set assigned_to = %(to)s where id = %(id)s returning id

-- name: write_audit
insert into penfeld.audit (at, who, what, target, detail) values (%(at)s, %(who)s, %(what)s, %(target)s, %(detail)s)

-- name: audit
select id, at, who, what, target, detail
from penfeld.audit
where %(target)s::text is null or target = %(target)s
order by id desc
limit %(limit)s

-- name: silences
select id, starts_at, ends_at, reason, by, rule, subject, device_type, district, maintenance, weekly
from penfeld.silence
where %(ended)s or ends_at > now()
order by id desc

-- name: add_silence
insert into penfeld.silence (starts_at, ends_at, reason, by, rule, subject, device_type, district, maintenance,
                             weekly)
values (%(starts_at)s, %(ends_at)s, %(reason)s, %(by)s, %(rule)s, %(subject)s, %(device_type)s, %(district)s,
        %(maintenance)s, %(weekly)s)
returning id

-- name: end_silence
update penfeld.silence set ends_at = greatest(starts_at + interval '1 microsecond', least(ends_at, %(at)s))
where id = %(id)s
returning id

-- name: rule_of_name
select name, origin, version, definition, changed_at, changed_by
from penfeld.rule
where name = %s
order by shipped
limit 1

-- name: lock_rules
select pg_advisory_xact_lock(hashtext('penfeld.rule'))

-- name: put_rule
insert into penfeld.rule (name, shipped, origin, version, definition, changed_at, changed_by)
values (%(name)s, %(origin)s = 'device', %(origin)s, %(version)s, %(definition)s, %(at)s, %(who)s)
on conflict (name, shipped) do update set
    origin = excluded.origin, version = excluded.version, definition = excluded.definition,
    changed_at = excluded.changed_at, changed_by = excluded.changed_by

-- name: keep_rule_version
insert into penfeld.rule_version (name, version, definition) values (%(name)s, %(version)s, %(definition)s)
on conflict do nothing

-- name: shipped_rules
select name, version from penfeld.rule where shipped

-- name: forget_rule
delete from penfeld.rule where name = %(name)s and shipped = %(shipped)s returning name

-- name: due_notifications
with due as (
    select n.id from penfeld.notification as n
    where n.state = 'waiting' and n.due_at <= %(now)s and (n.locked_until is null or n.locked_until <= %(now)s)
    order by n.due_at, n.id
    limit %(limit)s
    for update skip locked
)
update penfeld.notification as n set locked_until = %(now)s + interval '1 minute'
from due
where n.id = due.id
returning n.id, n.channel, n.kind, n.alarm, n.step, n.state, n.created_at, n.due_at, n.attempts, n.sent_at, n.detail

-- name: rule_versions_of
select a.id, v.definition
from penfeld.alarm as a
join penfeld.rule_version as v on v.name = a.rule and v.version = a.version
where a.id = any(%s)

-- name: settle_notifications
-- Where two had a line in turn, that it was sent is what counts.
with p as (
    select * from jsonb_to_recordset(%(outcomes)s)
        as q (id bigint, state text, detail text, due_at timestamptz, attempted boolean)
), noted as (
    insert into penfeld.notification_attempt (notification, at, state, detail)
    select id, %(at)s, state, detail from p where attempted
)
update penfeld.notification as n set
    state = p.state, detail = p.detail, due_at = coalesce(p.due_at, n.due_at), locked_until = null,
    attempts = n.attempts + p.attempted::integer,
    sent_at = case when p.state = 'sent' then %(at)s else n.sent_at end
from p
where n.id = p.id and (n.state = 'waiting' or p.state = 'sent')

-- name: alarms_to_escalate
-- Open alarms that somebody was to be told of, whose rules have further steps than those that were taken.
select a.id, a.rule, a.version, v.definition, told.at, told.step
from penfeld.alarm as a
join penfeld.rule_version as v on v.name = a.rule and v.version = a.version
left join penfeld.device as d on d.key = a.device
cross join lateral (
    select min(n.created_at) filter (where n.state <> 'held_back' and n.kind in ('opened', 'unfolded')) as at,
           max(n.step) as step
    from penfeld.notification as n
    where n.alarm = a.id
) as told
where a.state = 'open' and a.acknowledged_at is null and a.folded_into is null
  and told.at is not null and told.step < jsonb_array_length(v.definition -> 'escalate')
  and not exists (
      select from penfeld.silence as s
      where %(now)s between s.starts_at and s.ends_at
        and penfeld.silent_until(s.starts_at, s.ends_at, s.weekly, %(now)s) is not null
        and (s.rule is null or s.rule = a.rule) and (s.subject is null or s.subject = a.subject)
        and (s.device_type is null or s.device_type = a.device_type)
        and (s.district is null or s.district = d.district))

-- name: escalate
insert into penfeld.notification (channel, kind, alarm, step, created_at, due_at)
select p.channel, 'escalated', p.alarm, p.step, %(now)s, %(now)s
from jsonb_to_recordset(%(lines)s) as p (channel text, alarm bigint, step integer)
on conflict do nothing
returning alarm

-- name: test_notification
insert into penfeld.notification (channel, created_at, due_at) values (%(channel)s, %(at)s, %(at)s)
returning id, channel, kind, alarm, step, state, created_at, due_at, attempts, sent_at, detail

-- name: notification_page
select id, channel, kind, alarm, step, state, created_at, due_at, attempts, sent_at, detail
from penfeld.notification
where (%(state)s::text is null or state = %(state)s)
  and (%(alarm)s::bigint is null or alarm = %(alarm)s)
  and (%(before)s::bigint is null or id < %(before)s)
order by id desc
limit %(limit)s

-- name: notification_counts
select state, count(*) from penfeld.notification group by state

-- name: purge_alarm
delete from penfeld.alarm where simulated or device = any(%s)

-- name: purge_signal
delete from penfeld.signal as s using penfeld.device as d where d.id = s.subject and d.key = any(%s)

-- name: note_cadence
insert into penfeld.cadence as old (device, pause, learnt_at)
select p.device, make_interval(secs => p.pause), %(at)s
from unnest(%(devices)s, %(pauses)s) as p (device, pause)
on conflict (device) do update set pause = excluded.pause, learnt_at = excluded.learnt_at
where abs(extract(epoch from old.pause) - extract(epoch from excluded.pause)) > 0.05 * extract(epoch from old.pause)

-- name: devices_of_type
select key from penfeld.device where type = %s and state = 'active' order by key
