-- What Grafana reads, and others who know SQL only: views and functions of schema "grafana" with names that stay. The
-- role penfeld_reader sees these and nothing else. Views of readings are made beside, from the device types.

create schema grafana;
comment on schema grafana is 'Views and functions to read with: names that stay. The role penfeld_reader sees these and nothing else (docs/grafana.md)';

create table penfeld.described_type (
    name     text primary key,
    domain   text not null,
    title_en text not null,
    title_fr text not null,
    vendor   text not null,
    model    text not null,
    period   interval not null
);
comment on table penfeld.described_type is 'What device files say of their types, for those who read with SQL; written when tables are made for them';

create table penfeld.described_field (
    device_type text not null,
    position    integer not null,
    name        text not null,
    kind        text not null,
    quantity    text not null,
    unit        text not null,
    title_en    text not null,
    title_fr    text not null,
    minimum     double precision,
    maximum     double precision,
    counter     boolean not null,
    primary key (device_type, name)
);
comment on table penfeld.described_field is 'What device files say of their fields: quantity, unit (UCUM), titles, plausible range';

create table penfeld.kept (
    device_type text not null,
    level       text not null,
    age         interval not null,
    primary key (device_type, level)
);
comment on table penfeld.kept is 'How long readings (level raw) and rollups of a type are kept, as upkeep was told; no row: for ever';

create view grafana.device_type as
select name, domain, title_en, title_fr, vendor, model, extract(epoch from period)::double precision as period_s
from penfeld.described_type;
comment on view grafana.device_type is 'Sensor models with their titles; period_s: how often one sends, seconds';

create view grafana.field as
select device_type, position, name, kind, quantity, unit, title_en, title_fr, minimum, maximum, counter
from penfeld.described_field;
comment on view grafana.field is 'Fields of sensor models: quantity, unit (UCUM), titles, plausible range; counter: an index that only grows';

create view grafana.device as
select d.id, coalesce(nullif(d.name, ''), d.id) as name, d.type, coalesce(t.title_fr, d.type, '') as type_fr,
    coalesce(t.title_en, d.type, '') as type_en, coalesce(t.domain, '') as domain, d.state, d.network,
    coalesce(d.district, '') as district, coalesce(d.experiment, '') as experiment, d.latitude, d.longitude, d.simulated,
    coalesce(h.last_seen, d.last_seen) as last_seen, h.time as newest, h.flags,
    h.time is not null and coalesce(h.last_seen, d.last_seen) < now() - 3 * coalesce(t.period, interval '1 day') as silent,
    coalesce(a.alarms, 0) as alarms
from penfeld.device as d
left join penfeld.described_type as t on t.name = d.type
left join penfeld.heard as h on h.device = d.key
left join (select device, count(*) as alarms from penfeld.alarm where state = 'open' group by device) as a on a.device = d.key;
comment on view grafana.device is 'The register. silent: nothing came for three of its periods; alarms: how many are open';

create view grafana.alarm as
select a.id, a.rule, a.severity, a.state, coalesce(d.id, a.subject) as device,
    coalesce(nullif(d.name, ''), d.id, a.subject) as name, a.device_type, coalesce(t.domain, '') as domain,
    coalesce(d.district, '') as district, coalesce(d.experiment, '') as experiment, a.simulated, a.started_at, a.raised_at,
    a.ended_at, a.closed_at, a.first_value #>> '{}' as first_value, a.last_value #>> '{}' as last_value, a.reason,
    a.acknowledged_at, a.acknowledged_by, a.assigned_to, a.folded_into is not null as folded,
    coalesce(v.definition #>> '{title,fr}', a.rule) as title_fr, coalesce(v.definition #>> '{title,en}', a.rule) as title_en
from penfeld.alarm as a
left join penfeld.device as d on d.key = a.device
left join penfeld.described_type as t on t.name = a.device_type
left join penfeld.rule_version as v on v.name = a.rule and v.version = a.version
where a.state <> 'withdrawn';
comment on view grafana.alarm is 'Alarms that are open or were; folded: another one explains it';
create index alarm_started on penfeld.alarm (started_at);

create view grafana.ledger as
select hour, source, worker, received, stored, duplicate, quarantined, received - stored - duplicate - quarantined as difference
from penfeld.ledger;
comment on view grafana.ledger is 'What became of the frames that arrived in an hour (UTC); difference is always 0';

create view grafana.quarantine as
select id, source, reason, detail, network, device, device_type, received_at, last_received_at, times, simulated,
    replay_requested_at is not null as waits
from penfeld.quarantine;
comment on view grafana.quarantine is 'Frames that are set aside, without their bytes; waits: it is looked at again soon';

create view grafana.uplink as
select d.id as device, u.time, u.received_at, u.network_time, u.source, u.network, u.f_cnt, u.f_port, u.rssi_dbm, u.snr_db,
    u.gateway, u.simulated
from penfeld.uplink as u join penfeld.device as d on d.key = u.device;
comment on view grafana.uplink is 'Raw frames, without their bytes: ask for few devices and a range of time';

create view grafana.job as
select 'upkeep' as job, at as last_run, extract(epoch from took)::double precision as took_s, waiting as waiting, '' as detail
from penfeld.upkeep
union all
select 'redecode ' || device_type, changed_at, extract(epoch from coalesce(finished_at, changed_at) - started_at)::double precision,
    frames, state
from penfeld.redecode
union all
select 'messages ' || channel, max(sent_at), null, count(*) filter (where state = 'waiting'),
    case when bool_or(state = 'failed' and created_at > now() - interval '1 day') then 'failed' else '' end
from penfeld.notification group by channel
union all
select 'alert rules', max(at), null, count(*), '' from penfeld.news;
comment on view grafana.job is 'Work in the background: its last run, how long it took, how much waits';

create function grafana.level(device_type text, since timestamptz, until timestamptz, interval_ms double precision)
returns text language sql stable security definer set search_path = '' as $$
    select name from (
        select l.name, l.ms, l.ms <= greatest(interval_ms, extract(epoch from until - since) / 4) as fine, not exists (
            select from penfeld.kept as k where k.device_type = level.device_type and k.level = l.name and since < now() - k.age
        ) as reaches
        from (values ('raw', 0), ('1min', 60000), ('15min', 900000), ('1h', 3600000), ('1d', 86400000)) as l (name, ms)
        where l.name = 'raw' or exists (
            select from penfeld.rollup as r where r.name = level.device_type || '_' || l.name and r.kind <> 'view'
        )
    ) as found
    order by reaches desc, fine desc, case when fine or not reaches then -ms else ms end
    limit 1
$$;
comment on function grafana.level is 'The coarsest rollup no coarser than a point of the chart, that goes back so far and makes 4,000 points at most; raw: the readings themselves';

create function grafana.described(device_type text, field text) returns penfeld.described_field
language plpgsql stable security definer set search_path = '' as $$
declare found_field penfeld.described_field;
begin
    select * into found_field from penfeld.described_field as f where f.device_type = described.device_type and f.name = field;
    if found_field.name is null then
        raise exception 'device type "%" has no field "%"', device_type, field using hint = 'select * from grafana.field tells which there are';
    elsif found_field.kind = 'text' then
        raise exception 'field "%" of "%" is a text, which has no curve', field, device_type using hint = 'read grafana.readings_<type>';
    end if;
    return found_field;
end
$$;
comment on function grafana.described is 'What is known of a field that a curve is asked of; an error with what to do where there is none';

create function grafana.series(
    device_type text, field text, devices text[], since timestamptz, until timestamptz, interval_ms double precision
) returns table ("time" timestamptz, device text, name text, value double precision, low double precision, high double precision)
language plpgsql stable security definer set search_path = '' set jit = off as $$
#variable_conflict use_column
declare
    what penfeld.described_field := grafana.described(device_type, field);
    level text := grafana.level(device_type, since, until, interval_ms);
    keys integer[] := array(
        select d.key from penfeld.device as d where d.id = any(devices) and d.type = series.device_type order by d.id limit 50
    );
    back interval := case level when '1d' then interval '3 days' when '1h' then interval '6 hours' else interval '1 hour' end;
    begins timestamptz := case level
        when 'raw' then since
        when '1d' then date_trunc('day', since, coalesce((
            select r.zone from penfeld.rollup as r where r.name = series.device_type || '_1d'), 'Europe/Paris'))
        else date_bin(case level when '1h' then interval '1 hour' when '15min' then interval '15 min' else interval '1 min' end,
            since, '2000-01-01T00:00:00Z')
    end;
    rows text;
begin
    if level = 'raw' then
        rows := format(case when what.kind = 'bool'
            then 'select r.device, r.time, r.%1$I::integer::double precision as v, null::double precision as lo, null::double precision as hi'
            else 'select r.device, r.time, r.%1$I::double precision as v, null::double precision as lo, null::double precision as hi'
        end || ' from readings.%2$I as r where r.device = any($1) and r.time >= $2 and r.time < $3 and r.%1$I is not null',
            field, device_type);
    elsif what.kind = 'bool' then
        rows := format('select r.device, r.bucket as time, sum(r.%1$I)::double precision / nullif(sum(r.%2$I), 0) as v,'
            ' null::double precision as lo, null::double precision as hi from rollups.%3$I as r'
            ' where r.device = any($1) and r.bucket >= $2 and r.bucket < $3 group by 1, 2',
            field || '_true', field || '_count', device_type || '_' || level);
    elsif what.counter then
        rows := format('select r.device, r.bucket as time, max(r.%1$I)::double precision as v, null::double precision as lo,'
            ' null::double precision as hi from rollups.%2$I as r'
            ' where r.device = any($1) and r.bucket >= $2 and r.bucket < $3 and r.%1$I is not null group by 1, 2',
            field || '_last', device_type || '_' || level);
    else
        rows := format('select r.device, r.bucket as time, sum(r.%1$I) / nullif(sum(r.%2$I), 0) as v,'
            ' min(r.%3$I)::double precision as lo, max(r.%4$I)::double precision as hi from rollups.%5$I as r'
            ' where r.device = any($1) and r.bucket >= $2 and r.bucket < $3 and r.%2$I > 0 group by 1, 2',
            field || '_sum', field || '_count', field || '_min', field || '_max', device_type || '_' || level);
    end if;
    if what.counter then
        -- A counter that falls has started again from 0.
        rows := 'select s.device, s.time, case when s.v >= s.before then s.v - s.before else s.v end as v, s.lo, s.hi from (
            select c.*, lag(c.v) over (partition by c.device order by c.time) as before from (' || rows || ') as c
        ) as s where s.time >= $4 and s.before is not null';
    end if;
    return query execute 'select s.time, d.id, coalesce(nullif(d.name, ''''), d.id), s.v, s.lo, s.hi from (' || rows || ') as s'
        ' join penfeld.device as d on d.key = s.device order by s.time, d.id'
        using keys, case when what.counter then begins - back else begins end, until, begins;
end
$$;
comment on function grafana.series is 'Curves of up to 50 devices, from readings or the rollup that fits: mean, low, high; of a counter the increase, of a state the share of the time';

create function grafana.by_district(
    device_type text, field text, districts text[], experiments text[], since timestamptz, until timestamptz,
    interval_ms double precision
) returns table ("time" timestamptz, district text, value double precision, low double precision, high double precision,
    increase double precision, devices bigint, readings bigint, total double precision, number double precision)
language plpgsql stable security definer set search_path = '' set jit = off as $$
#variable_conflict use_column
declare
    what penfeld.described_field := grafana.described(device_type, field);
    want double precision := greatest(interval_ms, extract(epoch from until - since) / 4);
    reaches boolean := not exists (
        select from penfeld.kept as k where k.device_type = by_district.device_type and k.level = '1h' and since < now() - k.age
    );
    level text := case when want >= 86400000 or not reaches then '1d' else '1h' end;
    part text := device_type || '_' || level || case when experiments = array['*'] then '_group' else '' end;
    begins timestamptz := case level
        when '1d' then date_trunc('day', since, coalesce((select r.zone from penfeld.rollup as r where r.name = part), 'Europe/Paris'))
        else date_trunc('hour', since) end;
    sums text;
begin
    if to_regclass(format('rollups.%I', part)) is null then
        return;  -- of a type that is not in use yet
    end if;
    sums := case
        when what.kind = 'bool' then format(
            'sum(r.%1$I)::double precision / nullif(sum(r.%2$I), 0), null::double precision, null::double precision,'
            ' null::double precision, sum(r.%1$I)::double precision, sum(r.%2$I)::double precision',
            field || '_true', field || '_count')
        else format('sum(r.%1$I)::double precision / nullif(sum(r.%2$I), 0), min(r.%3$I)::double precision,'
            ' max(r.%4$I)::double precision, %5$s, sum(r.%1$I)::double precision, sum(r.%2$I)::double precision',
            field || '_sum', field || '_count', field || '_min', field || '_max',
            case when not what.counter then 'null::double precision'
                when experiments = array['*'] then format('sum(r.%I)::double precision', field || '_delta')
                else format('sum(greatest(r.%I - r.%I, 0))::double precision', field || '_last', field || '_first') end)
    end;
    if experiments = array['*'] then
        return query execute format('select s.bucket, s.district, s.mean, s.lo, s.hi, s.up, s.devices, s.readings, s.total, s.number'
            ' from (select r.bucket, r.district, sum(r.devices)::bigint, sum(r.readings)::bigint, %s from rollups.%I as r'
            ' where r.bucket >= $1 and r.bucket < $2 and ($3 = array[''*''] or r.district = any($3)) group by 1, 2)'
            ' as s (bucket, district, devices, readings, mean, lo, hi, up, total, number) order by 1, 2', sums, part)
            using begins, until, districts;
    else
        return query execute format('select s.bucket, s.district, s.mean, s.lo, s.hi, s.up, s.devices, s.readings, s.total, s.number'
            ' from (select r.bucket, coalesce(d.district, ''''), count(distinct r.device), sum(r.readings)::bigint, %s'
            ' from rollups.%I as r join penfeld.device as d on d.key = r.device'
            ' where r.device = any($4) and r.bucket >= $1 and r.bucket < $2 group by 1, 2)'
            ' as s (bucket, district, devices, readings, mean, lo, hi, up, total, number) order by 1, 2', sums, part)
            using begins, until, districts, array(
                select d.key from penfeld.device as d where d.type = by_district.device_type
                and coalesce(d.experiment, '') = any(experiments)
                and (districts = array['*'] or coalesce(d.district, '') = any(districts)));
    end if;
end
$$;
comment on function grafana.by_district is 'All devices of a type by district, by hour or local day: mean, low, high, increase of counters. array[''*'']: every district, every experiment';

create function grafana.curves(
    by text, device_type text, field text, districts text[], experiments text[], devices text[], since timestamptz,
    until timestamptz, interval_ms double precision
) returns table ("time" timestamptz, metric text, value double precision)
language plpgsql stable security definer set search_path = '' as $$
declare
    what penfeld.described_field := grafana.described(device_type, field);
begin
    if by = 'device' then
        return query select s.time, s.name, s.value
            from grafana.series(curves.device_type, curves.field, devices, since, until, interval_ms) as s;
    else
        return query select d.time, coalesce(nullif(d.district, ''), '–'), case when what.counter then d.increase else d.value end
            from grafana.by_district(curves.device_type, curves.field, districts, experiments, since, until, interval_ms) as d;
    end if;
end
$$;
comment on function grafana.curves is 'Curves of a field, by district or by device: what the panels of generated dashboards draw';

create function grafana.by_quantity(
    domains text[], quantity text, districts text[], experiments text[], since timestamptz, until timestamptz,
    interval_ms double precision
) returns table ("time" timestamptz, type_en text, type_fr text, field_en text, field_fr text, district text,
    value double precision, low double precision, high double precision, increase double precision,
    total double precision, number double precision)
language plpgsql stable security definer set search_path = '' as $$
declare
    what record;
begin
    for what in
        select f.device_type, f.name, f.title_en, f.title_fr, t.title_en as type_en, t.title_fr as type_fr
        from penfeld.described_field as f join penfeld.described_type as t on t.name = f.device_type
        where f.quantity = by_quantity.quantity and t.domain = any(domains) and f.kind <> 'text'
          and exists (select from penfeld.device as d where d.type = f.device_type and d.state = 'active')
        order by f.device_type, f.position
        limit 20
    loop
        return query select d.time, what.type_en, what.type_fr, what.title_en, what.title_fr, d.district, d.value, d.low, d.high,
            d.increase, d.total, d.number
            from grafana.by_district(what.device_type, what.name, districts, experiments, since, until, interval_ms) as d;
    end loop;
end
$$;
comment on function grafana.by_quantity is 'One quantity of all types in use of some domains, by district: twenty fields at most';
