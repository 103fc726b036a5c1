-- Alert rules, what they are evaluated on, the alarms that they raise, and the messages to people about them.

create table penfeld.news (
    id   bigint generated always as identity primary key,
    at   timestamptz not null default clock_timestamp(),
    body bytea not null
);
alter table penfeld.news alter column body set storage external;
comment on table penfeld.news is 'Readings just stored, a row a transaction, for who evaluates rules: written with the data, deleted with what was concluded';
comment on column penfeld.news.body is 'MessagePack, columns as bytes: see storage/news.py';

create table penfeld.news_wanted (
    device_type text primary key,
    fields      text[] not null,
    asked_at    timestamptz not null
);
comment on table penfeld.news_wanted is 'Of which fields of which device types news are to tell; nobody is told when this was asked long ago';

create table penfeld.rule (
    name       text not null,
    shipped    boolean not null,
    origin     text not null check (origin in ('device', 'file', 'console')),
    version    text not null,
    definition jsonb,
    changed_at timestamptz not null,
    changed_by text not null,
    primary key (name, shipped),
    check (shipped = (origin = 'device'))
);
comment on table penfeld.rule is 'Alert rules. One that somebody saved takes the place of the shipped one of that name; without a definition it switches that off';

create table penfeld.rule_version (
    name       text not null,
    version    text not null,
    definition jsonb not null,
    primary key (name, version)
);
comment on table penfeld.rule_version is 'What rules said at any time: alarms show the rule as it was';

create table penfeld.audit (
    id     bigint generated always as identity primary key,
    at     timestamptz not null,
    who    text not null,
    what   text not null,
    target text not null,
    detail jsonb not null default '{}'
);
comment on table penfeld.audit is 'Who changed what: rules, alarms, silences';
create index audit_target on penfeld.audit (target, id);

create table penfeld.alarm (
    id              bigint generated always as identity primary key,
    rule            text not null,
    version         text not null,
    severity        text not null check (severity in ('info', 'warning', 'critical')),
    state           text not null check (state in ('open', 'cleared', 'withdrawn')),
    subject         text not null,
    device          integer references penfeld.device (key) on delete cascade,
    device_type     text,
    simulated       boolean not null,
    started_at      timestamptz not null,
    raised_at       timestamptz not null,
    ended_at        timestamptz,
    opened_at       timestamptz not null,
    closed_at       timestamptz,
    first_value     jsonb,
    last_value      jsonb,
    last_at         timestamptz,
    reason          text not null default '',
    late            boolean not null default false,
    folded_into     bigint,
    acknowledged_at timestamptz,
    acknowledged_by text,
    assigned_to     text,
    check ((state = 'open') = (ended_at is null) or state = 'withdrawn')
);
comment on table penfeld.alarm is 'Episodes of rules on their subjects. Times started, raised, ended, last: event time; opened, closed: when it became known';
create unique index alarm_open on penfeld.alarm (rule, subject) where state = 'open';
create unique index alarm_episode on penfeld.alarm (rule, subject, started_at) where state <> 'withdrawn';
create index alarm_device on penfeld.alarm (device, id);
create index alarm_subject on penfeld.alarm (subject, id);
create index alarm_folded on penfeld.alarm (folded_into) where folded_into is not null;

create table penfeld.alarm_event (
    id    bigint generated always as identity primary key,
    alarm bigint not null references penfeld.alarm (id) on delete cascade,
    at    timestamptz not null,
    kind  text not null,
    who   text not null default '',
    text  text not null default ''
);
comment on table penfeld.alarm_event is 'What happened to alarms, and what people did about them';
create index alarm_event_alarm on penfeld.alarm_event (alarm, id);

create table penfeld.signal (
    rule       text not null,
    leaf       integer not null,
    subject    text not null,
    started_at timestamptz not null,
    raised_at  timestamptz not null,
    ended_at   timestamptz
);
comment on table penfeld.signal is 'When each condition of joined rules held';
create index signal_of on penfeld.signal (rule, subject, leaf, ended_at);

create table penfeld.silence (
    id          bigint generated always as identity primary key,
    starts_at   timestamptz not null,
    ends_at     timestamptz not null check (ends_at > starts_at),
    reason      text not null,
    by          text not null,
    rule        text,
    subject     text,
    device_type text,
    district    text,
    maintenance boolean not null default false
);
comment on table penfeld.silence is 'Nobody is told of alarms that fit; what is null fits all';

create table penfeld.notification (
    id           bigint generated always as identity primary key,
    channel      text not null,
    kind         text,
    alarm        bigint references penfeld.alarm (id) on delete cascade,
    step         integer not null default 0,
    state        text not null default 'waiting' check (state in ('waiting', 'sent', 'failed', 'held_back')),
    created_at   timestamptz not null,
    due_at       timestamptz not null,
    locked_until timestamptz,
    attempts     integer not null default 0,
    sent_at      timestamptz,
    detail       text not null default '',
    check ((alarm is null) = (kind is null))
);
comment on table penfeld.notification is 'The outbox: messages to people, written with what they are about';
create index notification_due on penfeld.notification (due_at) where state = 'waiting';
create index notification_alarm on penfeld.notification (alarm, id);
create unique index notification_step on penfeld.notification (alarm, channel, step) where kind = 'escalated';

create table penfeld.notification_attempt (
    notification bigint not null references penfeld.notification (id) on delete cascade,
    at           timestamptz not null,
    state        text not null,
    detail       text not null
);
comment on table penfeld.notification_attempt is 'Each attempt to send a message, and what came of it';
create index notification_attempt_of on penfeld.notification_attempt (notification, at);

create table penfeld.cadence (
    device    integer primary key references penfeld.device (key) on delete cascade,
    pause     interval not null,
    learnt_at timestamptz not null
);
comment on table penfeld.cadence is 'How far apart the readings of a device usually are: the median of its newest';

create table penfeld.heard_through (
    subject text primary key,
    last_at timestamptz not null,
    pause   interval
);
comment on table penfeld.heard_through is 'When gateways and sources brought their newest frame, and how far apart those usually are';
