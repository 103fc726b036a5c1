-- History decoded again: runs with the place they came to, what readings said before, and raw frames whose event time
-- moved. docs/decisions/0004-redecode.md gives the reasons.

create table penfeld.redecode (
    run              bigint generated always as identity primary key,
    device_type      text not null,
    device           text,
    start_time       timestamptz,
    end_time         timestamptz,
    drop_undecodable boolean not null,
    version          text not null,
    versions_before  text[] not null,
    until            timestamptz not null,
    frames           bigint not null,
    back             interval not null,
    ahead            interval not null,
    counts           jsonb not null default '{}',
    stale            jsonb not null default '{}',
    place_device     integer,
    place_time       timestamptz,
    place_key        bytea,
    state            text not null default 'open' check (state in ('open', 'finished', 'given_up')),
    started_at       timestamptz not null default now(),
    changed_at       timestamptz not null default now(),
    finished_at      timestamptz
);
comment on table penfeld.redecode is 'Runs that decode raw frames again and change readings';
comment on column penfeld.redecode.until is 'Frames that arrived later are not of the run';
comment on column penfeld.redecode.back is 'How far before the time of its frame a reading lies at most; ahead: how far behind it';
comment on column penfeld.redecode.stale is 'field -> devices whose newest value of it is to be found again; "" for the newest reading itself';
comment on column penfeld.redecode.place_device is 'Frames up to this device, event time and key are done; they go in this order';

create table penfeld.superseded (
    device_type text not null,
    device      integer not null,
    time        timestamptz not null,
    codec       integer not null,
    simulated   boolean not null,
    replaced_at timestamptz not null,
    run         bigint not null,
    row         jsonb not null
);
comment on table penfeld.superseded is 'Readings as they were before a run replaced or removed them; row holds all columns that had a value';
create index superseded_device on penfeld.superseded (device, time);

create table penfeld.moved (
    run         bigint not null,
    device      integer not null,
    time_before timestamptz not null,
    key_before  bytea not null,
    time_after  timestamptz not null,
    key_after   bytea not null
);
comment on table penfeld.moved is 'Raw frames whose event time in use, and with it perhaps their key, a run changed';
create index moved_frame on penfeld.moved (device, time_after, key_after);
