-- name: write_state
-- The newest of each fact; of one time the one that came later. The rows come in order of their key, each once. A device
-- that was deleted or retired since it was looked up has no state.
insert into penfeld.device_state as old (device, fact, time, value, network, event, simulated)
select d.key, p.fact, p.time, p.value::jsonb, p.network, p.event, p.simulated
from unnest(%(devices)s, %(facts)s, %(times)s, %(values)s, %(networks)s, %(events)s, %(simulated)s)
    as p (device, fact, time, value, network, event, simulated)
join penfeld.device as d on d.key = p.device and d.state <> 'retired'
order by p.device, p.fact
on conflict (device, fact) do update set
    time = excluded.time, value = excluded.value, network = excluded.network, event = excluded.event,
    simulated = excluded.simulated
where (not excluded.simulated, excluded.time) > (not old.simulated, old.time)
   or (excluded.simulated, excluded.time) = (old.simulated, old.time)
      and (excluded.value, excluded.network, excluded.event) <> (old.value, old.network, old.event)

-- name: plan_for_filling
-- Facts about frames that are in the columnstore already are few, and must not stop the frames of their batch.
select set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)

-- name: fill_radio
-- What was told of frames after they were stored goes where their rows are empty. The bounds of the whole leave out other
-- chunks, and of compressed ones other devices' parts; those of each find its frame by the index.
update penfeld.uplink as u set
    rssi_dbm = coalesce(u.rssi_dbm, p.rssi_dbm),
    snr_db = coalesce(u.snr_db, p.snr_db),
    gateway = coalesce(u.gateway, p.gateway)
from (
    select device, f_cnt, time, make_interval(secs => reach) as reach, simulated,
           nullif(rssi_dbm, 'NaN') as rssi_dbm, nullif(snr_db, 'NaN') as snr_db, nullif(gateway, '') as gateway
    from unnest(
        %(devices)s, %(counters)s, %(times)s, %(reaches)s, %(simulated)s, %(rssi_dbm)s, %(snr_db)s, %(gateways)s
    ) as q (device, f_cnt, time, reach, simulated, rssi_dbm, snr_db, gateway)
) as p
where u.device = p.device
  and u.f_cnt = p.f_cnt
  and coalesce(u.network_time, u.time) between p.time - p.reach and p.time + p.reach
  and u.time between p.time - interval '1 hour' and p.time + interval '1 hour'
  and (u.simulated or not p.simulated)
  and (u.rssi_dbm is null and p.rssi_dbm is not null
       or u.snr_db is null and p.snr_db is not null
       or u.gateway is null and p.gateway is not null)
  and u.device = any(%(devices)s)
  and u.time between %(start)s and %(end)s

-- name: device_state
select s.fact, s.value, s.time, s.network, s.event, s.simulated
from penfeld.device_state as s
join penfeld.device as d on d.key = s.device
where d.id = %s
order by s.fact collate "C"

-- name: purge_device_state
delete from penfeld.device_state where simulated or device = any(%s)
