-- What networks tell of devices beside their frames: battery, margin, place, gateways, joins, answers to downlinks.

create table penfeld.device_state (
    device    integer not null references penfeld.device (key) on delete cascade,
    fact      text not null,
    time      timestamptz not null,
    value     jsonb not null,
    network   text not null,
    event     text not null,
    simulated boolean not null,
    primary key (device, fact)
) with (fillfactor = 45);
comment on table penfeld.device_state is 'The newest of each fact that a network told of a device; none goes backwards, and no history is kept. Nothing of it counts in the ledger';
comment on column penfeld.device_state.time is 'When it was so, as the network told it; the arrival where it told nothing';
comment on column penfeld.device_state.event is 'What the network reported: join, status, location, radio, downlink or notice';
comment on column penfeld.device_state.simulated is 'A simulated fact never takes the place of a real one, a real one always that of a simulated one';
