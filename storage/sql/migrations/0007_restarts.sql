-- Where counters started again, so that consumption over any range is the difference of two values and what stands here.
-- Few rows: filled by whoever computes rollups by district, which look at every step of every counter.

create table penfeld.restart (
    device_type text not null,
    field       text not null,
    hour        timestamptz not null,
    device      integer not null,
    simulated   boolean not null,
    lost        double precision not null,
    primary key (device_type, field, hour, device, simulated)
);
comment on table penfeld.restart is 'Counters that started again: what a counter grew in the hour beyond the difference of its values';
