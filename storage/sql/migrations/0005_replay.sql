-- Quarantine is looked at again: which lines wait for that, and how lines are found and counted.

alter table penfeld.quarantine add column replay_requested_at timestamptz;
comment on column penfeld.quarantine.replay_requested_at is 'Since when the line waits to be understood again; null where nothing asks for that';

drop index penfeld.quarantine_reason;
create index quarantine_reason on penfeld.quarantine (reason, id) include (times, replay_requested_at);
create index quarantine_source on penfeld.quarantine (source, id);
create index quarantine_received on penfeld.quarantine (received_at);
create index quarantine_replay on penfeld.quarantine (id) where replay_requested_at is not null;

-- Frames that came before their device was registered were left lying until now.
update penfeld.quarantine as q
set replay_requested_at = now()
from penfeld.device as d
where q.reason in ('unknown_device', 'pending_device')
  and d.id = q.device
  and d.state = 'active';

update penfeld.quarantine as q
set reason = 'retired_device'
from penfeld.device as d
where q.reason = 'pending_device'
  and d.id = q.device
  and d.state = 'retired';

comment on table penfeld.ledger is 'What became of the frames that arrived in an hour (UTC). History: nothing is ever taken off. Lines of the worker "replay" say what left quarantine in that hour: received 0, stored and duplicate what it became, quarantined less by as many';
