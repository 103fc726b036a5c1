-- Which transaction stored what news tell of: what was read after it ended needs no second look.
-- News that wait now get the number of this one, which is later than theirs: at most they are looked at twice.

alter table penfeld.news add column stored_by xid8 not null default pg_current_xact_id();
comment on column penfeld.news.stored_by is 'The transaction of the data';
