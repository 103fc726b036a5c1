-- News have a bound: where nobody takes them they are let go, and whoever evaluates rules reads what is stored instead.

alter table penfeld.news add column arrived_at timestamptz not null default 'epoch';
comment on column penfeld.news.arrived_at is 'When the oldest of its frames arrived';

create table penfeld.news_lost (
    one     boolean primary key default true check (one),
    since   timestamptz not null,
    telling boolean not null
);
comment on table penfeld.news_lost is 'A row while news are missing: of readings that arrived since then, some were not told. Without telling, writers say nothing';

create index alarm_rule on penfeld.alarm (rule, id);
