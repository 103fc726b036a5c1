-- Rollups of readings: which there are, and which hours are to be computed again. The rollups themselves are made from the
-- device types, as tables, views or continuous aggregates. docs/decisions/0003-rollups.md gives the reasons.

create schema rollups;
comment on schema rollups is 'Readings summed up by device (1min, 15min, 1h, 1d) and by district (1h_group, 1d_group), of each device type in use';

create table penfeld.rollup (
    device_type text not null,
    name        text primary key,
    kind        text not null check (kind in ('view', 'table', 'aggregate', 'group')),
    source      text not null,
    zone        text not null,
    made_at     timestamptz not null default now()
);
comment on table penfeld.rollup is 'What stands in schema rollups, what it is made of, and the time zone of its days';

create table penfeld.due_hour (
    device_type text not null,
    hour        timestamptz not null,
    since       timestamptz not null default now(),
    primary key (device_type, hour)
);
comment on table penfeld.due_hour is 'Hours whose rollups are to be computed again: taken from changed_hour, each once, and deleted when it is done';

create table penfeld.upkeep (
    one     boolean primary key default true check (one),
    at      timestamptz not null,
    took    interval not null,
    hours   bigint not null,
    waiting bigint not null
);
comment on table penfeld.upkeep is 'The last round of upkeep: when it ended, how many hours it computed, how many were left to compute';

create domain penfeld.measure as double precision;
comment on domain penfeld.measure is 'A number that a sensor says: double precision, which the columnstore packs by its few different values';
