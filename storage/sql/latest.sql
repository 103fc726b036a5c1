-- name: missing_latest
-- Fields of tables of readings that the table of latest values does not have yet, or all of them where it is not there.
select c.relname, array_agg(a.attname order by a.attnum), array_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum),
       to_regclass(format('latest.%%I', c.relname)) is null
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'readings'
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p')
  and a.attname <> all(%s)
  and not exists (
      select
      from pg_attribute as l
      where l.attrelid = to_regclass(format('latest.%%I', c.relname)) and l.attname = a.attname and not l.attisdropped
  )
group by c.relname
order by c.relname

-- name: latest_fields
-- Tables of latest values, and their fields: columns that have one of their time beside them.
select c.relname, array_agg(a.attname order by a.attnum)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'latest'
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_attribute as t on t.attrelid = c.oid and t.attname = a.attname || %s and not t.attisdropped
where c.relkind = 'r'
group by c.relname
order by c.relname
