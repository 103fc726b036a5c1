-- name: lock_access
-- One change of accounts at a time, so that the last admin cannot be lost by two at once.
select pg_advisory_xact_lock(7033627, 15)

-- name: accounts
select a.name, a.role, a.created_at, a.password is not null,
       coalesce((select jsonb_object_agg(m.experiment, m.role) from penfeld.member as m where m.account = a.name), '{}')
from penfeld.account as a
where %(name)s::text is null or a.name = %(name)s
order by a.name collate "C"

-- name: account_password
select password from penfeld.account where name = %s

-- name: add_account
insert into penfeld.account (name, role, password, created_at) values (%(name)s, %(role)s, %(password)s, %(at)s)

-- name: set_password
update penfeld.account set password = %(password)s where name = %(name)s

-- name: set_role
update penfeld.account set role = %(role)s where name = %(name)s

-- name: remove_account
delete from penfeld.account where name = %s

-- name: set_member
insert into penfeld.member (account, experiment, role) values (%(name)s, %(experiment)s, %(role)s)
on conflict (account, experiment) do update set role = excluded.role

-- name: remove_member
delete from penfeld.member where account = %(name)s and experiment = %(experiment)s

-- name: visibility
select experiment, visibility from penfeld.experiment_visibility order by experiment

-- name: set_visibility
insert into penfeld.experiment_visibility (experiment, visibility) values (%(experiment)s, %(visibility)s)
on conflict (experiment) do update set visibility = excluded.visibility

-- name: add_session
insert into penfeld.session (hash, account, created_at, expires_at) values (%(hash)s, %(name)s, %(at)s, %(until)s)

-- name: forget_sessions
-- Those that are over; nobody can use them any more.
delete from penfeld.session where expires_at <= %s

-- name: end_session
delete from penfeld.session where hash = %s returning account

-- name: end_sessions
delete from penfeld.session where account = %s

-- name: by_session
select a.name, a.role,
       coalesce((select jsonb_object_agg(m.experiment, m.role) from penfeld.member as m where m.account = a.name), '{}')
from penfeld.session as s
join penfeld.account as a on a.name = s.account
where s.hash = %(hash)s and s.expires_at > %(at)s

-- name: by_token
select a.name, a.role,
       coalesce((select jsonb_object_agg(m.experiment, m.role) from penfeld.member as m where m.account = a.name), '{}'),
       t.scope, t.name, t.id, t.used_at
from penfeld.token as t
join penfeld.account as a on a.name = t.account
where t.hash = %(hash)s and t.revoked_at is null and (t.expires_at is null or t.expires_at > %(at)s)

-- name: token_used
update penfeld.token set used_at = %(at)s where id = %(id)s and (used_at is null or used_at < %(at)s)

-- name: add_token
insert into penfeld.token (hash, prefix, name, account, scope, created_at, expires_at)
values (%(hash)s, %(prefix)s, %(name)s, %(owner)s, %(scope)s, %(at)s, %(expires_at)s)
returning id

-- name: tokens
select id, name, account, prefix, scope, created_at, expires_at, used_at, revoked_at
from penfeld.token
where %(owner)s::text is null or account = %(owner)s
order by id desc

-- name: revoke_token
update penfeld.token set revoked_at = %(at)s
where id = %(id)s and revoked_at is null and (%(owner)s::text is null or account = %(owner)s)
returning account, name, prefix

-- name: audit_page
select id, at, who, what, target, detail
from penfeld.audit
where (%(who)s::text is null or who = %(who)s)
  and (%(target)s::text is null or target = %(target)s)
  and (%(before)s::bigint is null or id < %(before)s)
order by id desc
limit %(limit)s
