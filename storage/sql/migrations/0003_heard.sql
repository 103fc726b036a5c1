-- What is known of each device's frames and values, so that a batch is checked without a look into what is stored, and
-- which hours of readings changed. docs/decisions/0002-schema.md gives the reasons.

create table penfeld.heard (
    device        integer primary key references penfeld.device (key) on delete cascade,
    first_seen    timestamptz not null,
    last_seen     timestamptz not null,
    time          timestamptz,
    received_at   timestamptz,
    flags         text[],
    frame_time    timestamptz not null,
    session       text,
    f_cnt         bigint,
    counted_since timestamptz
) with (fillfactor = 45);
comment on table penfeld.heard is 'When each device was heard, and what tells that a frame of it is surely new. A row for each device of which a frame was stored';
comment on column penfeld.heard.first_seen is 'First arrival of a stored frame';
comment on column penfeld.heard.last_seen is 'Last arrival of a stored frame';
comment on column penfeld.heard.time is 'Newest event time of its readings; null before the first, and after a change of its type';
comment on column penfeld.heard.received_at is 'Arrival of the newest reading';
comment on column penfeld.heard.flags is 'Flags of the newest reading';
comment on column penfeld.heard.frame_time is 'No frame that is stored has a later event time';
comment on column penfeld.heard.session is 'Session of the newest frame that has a counter';
comment on column penfeld.heard.f_cnt is 'No frame of this session that is stored with an event time after counted_since has a higher counter';

insert into penfeld.heard (device, first_seen, last_seen, time, received_at, flags, frame_time)
select l.device, l.first_seen, l.last_seen, l.time, l.received_at, l.flags, coalesce(u.time, l.time, l.last_seen)
from penfeld.latest as l
left join (select device, max(time) as time from penfeld.uplink group by device) as u on u.device = l.device;

drop table penfeld.latest;
drop function penfeld.newest_fields;
comment on column penfeld.device.last_seen is 'While nothing of it was stored; afterwards see penfeld.heard';

create schema latest;
comment on schema latest is 'One table per device type with the newest value of each field and its event time (field__time), a row a device; made from the device files, and from readings where there are any';

create table penfeld.changed_hour (
    device_type text not null,
    hour        timestamptz not null
);
comment on table penfeld.changed_hour is 'Hours (UTC, of event time) in which readings changed since rollups were refreshed. Writers only add; who refreshes deletes the rows it sees';
