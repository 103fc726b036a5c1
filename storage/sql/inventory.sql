-- name: hypertables
-- Hypertables and continuous aggregates with anything in them: name, relation, time column, rows (about), bytes, chunks,
-- chunks in the columnstore, bytes before and after it.
select t.name, t.relation::text, t.time, approximate_row_count(t.relation), hypertable_size(t.relation),
       (select count(*) from show_chunks(t.relation)), s.number_compressed_chunks, s.before_compression_total_bytes, s.after_compression_total_bytes
from (
    select hypertable_schema || '.' || hypertable_name as name, 'time' as time,
           (quote_ident(hypertable_schema) || '.' || quote_ident(hypertable_name))::regclass as relation
    from timescaledb_information.hypertables
    where hypertable_schema in ('readings', 'penfeld') and num_chunks > 0
    union all
    select view_schema || '.' || view_name, 'bucket',
           (quote_ident(materialization_hypertable_schema) || '.' || quote_ident(materialization_hypertable_name))::regclass
    from timescaledb_information.continuous_aggregates
    where view_schema = 'rollups'
) as t
left join lateral hypertable_columnstore_stats(t.relation) as s on true
order by t.name

-- name: plain_tables
-- Tables of ours that are no hypertables, with their parts: name, relation, time column, rows (about), bytes, parts.
select n.nspname || '.' || c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       case when n.nspname = 'rollups' then 'bucket' when n.nspname = 'readings' or c.relname = 'uplink' then 'time' end,
       greatest(c.reltuples, 0)::bigint
           + coalesce(sum(greatest(p.reltuples, 0)), 0)::bigint,
       (pg_total_relation_size(c.oid) + coalesce(sum(pg_total_relation_size(p.oid)), 0))::bigint,
       count(p.oid)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
left join pg_inherits as i on i.inhparent = c.oid and %(plain)s
left join pg_class as p on p.oid = i.inhrelid
where n.nspname in ('readings', 'penfeld', 'rollups', 'latest')
  and c.relkind in ('r', 'p')
  and (%(plain)s or (n.nspname <> 'readings' and c.relname <> 'uplink'))
group by n.nspname, c.relname, c.oid, c.reltuples, c.relkind
having c.relkind = 'r' or count(p.oid) > 0
order by 1

-- name: jobs
-- The database's own jobs on our tables, and the newest error of each.
select j.hypertable_schema || '.' || j.hypertable_name, j.proc_name,
       coalesce(j.config ->> 'drop_after', j.config ->> 'compress_after', j.config ->> 'start_offset'),
       nullif(s.last_run_started_at, '-infinity'), s.last_run_duration, nullif(s.next_start, '-infinity'), s.last_run_status,
       coalesce(s.total_runs, 0), coalesce(s.total_failures, 0),
       (
           select h.err_message
           from timescaledb_information.job_history as h
           where h.job_id = j.job_id and not h.succeeded
           order by h.start_time desc
           limit 1
       )
from timescaledb_information.jobs as j
left join timescaledb_information.job_stats as s on s.job_id = j.job_id
where j.hypertable_schema in ('readings', 'penfeld', 'rollups')
order by 1, 2
