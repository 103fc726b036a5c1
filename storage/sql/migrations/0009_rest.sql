-- What a maker's codec said of a frame beside its readings: values that no field of the device file takes, and warnings.

alter table penfeld.uplink add column rest jsonb;
comment on column penfeld.uplink.rest is 'What the codec said that no field takes ({"paths": {path: value}, "warnings": [...]}); null where it left nothing';
