-- Who may do what: accounts, what they are in experiments, sessions, tokens; who may see which experiment.

create table penfeld.account (
    name       text primary key check (name ~ '^[a-z0-9][a-z0-9._@+-]{0,99}$'),
    role       text not null check (role in ('viewer', 'experimenter', 'operator', 'admin')),
    password   text,
    created_at timestamptz not null
);
comment on table penfeld.account is 'People who log in. password: argon2id; null: another service knows them';

create table penfeld.member (
    account    text not null references penfeld.account (name) on delete cascade,
    experiment text not null check (experiment <> ''),
    role       text not null check (role in ('viewer', 'experimenter', 'operator', 'admin')),
    primary key (account, experiment)
);
comment on table penfeld.member is 'What people are in an experiment';

create table penfeld.experiment_visibility (
    experiment text primary key,
    visibility text not null check (visibility in ('public', 'accounts', 'members'))
);
comment on table penfeld.experiment_visibility is 'Who may see the devices of an experiment, those of none under an empty name; who is not here: its members';

create table penfeld.session (
    hash       bytea primary key,
    account    text not null references penfeld.account (name) on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
comment on table penfeld.session is 'Who is logged in. hash: SHA-256 of what the browser keeps';
create index session_account on penfeld.session (account);

create table penfeld.token (
    id         bigint generated always as identity primary key,
    hash       bytea not null unique,
    prefix     text not null,
    name       text not null check (name <> ''),
    account    text not null references penfeld.account (name) on delete cascade,
    scope      text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    used_at    timestamptz,
    revoked_at timestamptz
);
comment on table penfeld.token is 'Tokens of programs. hash: SHA-256 of the whole; prefix: its first letters, by which people recognise it';
create index token_account on penfeld.token (account, id);

create index audit_who on penfeld.audit (who, id);
