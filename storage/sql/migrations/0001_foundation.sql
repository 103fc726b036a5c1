-- The tables that are the same on every engine. Times are UTC; they all carry their zone.
-- docs/decisions/0002-schema.md gives the reasons.

create schema readings;
comment on schema readings is 'One wide, typed table per device type, made from the device files';

create schema partitions;
comment on schema partitions is 'Where plain PostgreSQL keeps the monthly parts of time tables; empty on TimescaleDB';

create table penfeld.device (
    key         integer generated always as identity primary key,
    id          text not null unique check (id <> ''),
    type        text,
    state       text not null default 'pending' check (state in ('pending', 'active', 'retired')),
    name        text not null default '',
    network     text,
    latitude    double precision check (latitude between -90 and 90),
    longitude   double precision check (longitude between -180 and 180),
    district    text,
    experiment  text,
    simulated   boolean not null default false,
    tags        jsonb not null default '{}',
    variables   jsonb not null default '{}',
    first_seen  timestamptz,
    last_seen   timestamptz
);
comment on table penfeld.device is 'Registered and pending devices; id is canonical (DevEUI, Sigfox id, or name)';
comment on column penfeld.device.last_seen is 'While nothing of it was stored; afterwards see penfeld.latest';
create index device_type on penfeld.device (type, id);

create table penfeld.latest (
    device      integer primary key references penfeld.device (key) on delete cascade,
    first_seen  timestamptz not null,
    last_seen   timestamptz not null,
    time        timestamptz,
    received_at timestamptz,
    flags       text[],
    fields      jsonb not null default '{}'
) with (fillfactor = 60);
comment on table penfeld.latest is 'Newest value of each field by event time; never goes backwards. A row for each device of which a frame was stored';
comment on column penfeld.latest.time is 'Newest event time of all readings stored of this device';
comment on column penfeld.latest.fields is 'field -> [value, event time in microseconds since 1970 UTC]';

create function penfeld.newest_fields(old jsonb, new jsonb) returns jsonb
language sql immutable parallel safe as $$
    select coalesce(
        jsonb_object_agg(
            key,
            case when n.value is null or (o.value ->> 1)::bigint >= (n.value ->> 1)::bigint then o.value else n.value end
        ),
        '{}'
    )
    from jsonb_each(old) as o full join jsonb_each(new) as n using (key)
$$;
comment on function penfeld.newest_fields is 'Of two values of latest.fields, field by field the newer one; the old one where both are of one time';

create table penfeld.codec (
    key         integer generated always as identity primary key,
    device_type text not null,
    version     text not null,
    first_used  timestamptz not null default now(),
    unique (device_type, version)
);
comment on table penfeld.codec is 'Versions of device types that frames were decoded with';

create table penfeld.ledger (
    hour        timestamptz not null,
    source      text not null,
    worker      text not null,
    received    bigint not null,
    stored      bigint not null,
    duplicate   bigint not null,
    quarantined bigint not null,
    primary key (hour, source, worker),
    constraint balanced check (received = stored + duplicate + quarantined)
);
comment on table penfeld.ledger is 'What became of the frames that arrived in an hour (UTC). History: nothing is ever taken off';

create table penfeld.quarantine (
    id               bigint generated always as identity primary key,
    hash             bytea not null unique,
    source           text not null,
    reason           text not null,
    detail           text not null,
    topic            text not null,
    message          bytea not null,
    network          text,
    device           text,
    device_type      text,
    received_at      timestamptz not null,
    last_received_at timestamptz not null,
    times            bigint not null,
    simulated        boolean not null
);
comment on table penfeld.quarantine is 'Frames that could not be stored as readings, with reason and original bytes';
comment on column penfeld.quarantine.hash is 'Of topic, device and message: the same message again only counts in times';
create index quarantine_reason on penfeld.quarantine (reason, id);
create index quarantine_device on penfeld.quarantine (device, id);
