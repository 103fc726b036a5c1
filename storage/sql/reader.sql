-- name: describe_types
-- What device files say of types; one row is written only where it differs.
insert into penfeld.described_type as t (name, domain, title_en, title_fr, vendor, model, period)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::interval[])
on conflict (name) do update
set domain = excluded.domain, title_en = excluded.title_en, title_fr = excluded.title_fr, vendor = excluded.vendor,
    model = excluded.model, period = excluded.period
where (t.domain, t.title_en, t.title_fr, t.vendor, t.model, t.period)
    is distinct from
    (excluded.domain, excluded.title_en, excluded.title_fr, excluded.vendor, excluded.model, excluded.period)

-- name: fields_described
select device_type, position, name, kind, quantity, unit, title_en, title_fr, minimum, maximum, counter
from penfeld.described_field
where device_type = any(%s)
order by device_type, position

-- name: forget_fields
delete from penfeld.described_field where device_type = any(%s)

-- name: describe_field
insert into penfeld.described_field
    (device_type, position, name, kind, quantity, unit, title_en, title_fr, minimum, maximum, counter)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: views_made
-- The views made from device types, with their columns in order.
select c.relname, array_agg(a.attname order by a.attnum)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'grafana'
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind = 'v'
group by c.relname

-- name: reader_known
select exists (select from pg_roles where rolname = 'penfeld_reader'),
       (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)

-- name: make_reader
-- Two databases of one server may be at it at once: whoever is second is content.
do $$
begin
    create role penfeld_reader nologin;
exception when duplicate_object or unique_violation then null;
end
$$

-- name: limit_reader
do $$
begin
    alter role penfeld_reader connection limit 40;
    alter role penfeld_reader set statement_timeout = '15s';
    alter role penfeld_reader set default_transaction_read_only = on;
    alter role penfeld_reader set search_path = grafana;
    alter role penfeld_reader set jit = off;
    alter role penfeld_reader set timezone = 'UTC';
end
$$

-- name: let_reader_read
-- What is there, and nothing else: neither other schemas nor functions of ours for everybody.
do $$
begin
    revoke execute on all functions in schema grafana from public;
    grant usage on schema grafana to penfeld_reader;
    grant select on all tables in schema grafana to penfeld_reader;
    grant execute on all functions in schema grafana to penfeld_reader;
end
$$

-- name: forget_kept
delete from penfeld.kept where device_type = %s and level <> all(%s)

-- name: remember_kept
insert into penfeld.kept as k (device_type, level, age) select %s, * from unnest(%s::text[], %s::interval[])
on conflict (device_type, level) do update set age = excluded.age where k.age is distinct from excluded.age
