-- Raw frames: what readings can be made of again. One row a frame, unique by device, event time and frame key.
create table penfeld.uplink (
    device       integer not null,
    time         timestamptz not null,
    key          bytea not null,
    received_at  timestamptz not null,
    network_time timestamptz,
    source       text not null,
    network      text not null,
    session      text not null,
    f_cnt        bigint,
    f_port       bigint,
    rssi_dbm     real,
    snr_db       real,
    gateway      text,
    codec        integer not null,
    simulated    boolean not null,
    payload      bytea,
    fields       jsonb,
    unique (device, time, key),
    check (payload is not null or fields is not null)
) partition by range (time);
comment on table penfeld.uplink is 'Raw frames as they arrived, with the event time in use and the codec they were decoded with';
comment on column penfeld.uplink.key is 'Identity of the frame, made of what the device sent (16 bytes)';
comment on column penfeld.uplink.network_time is 'When the frame was on air, as the network told it';
comment on column penfeld.uplink.payload is 'The bytes to decode; null where the message named its values (fields)';
