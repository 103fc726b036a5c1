-- Silences that come again every week: {"days": ["tue"], "start": "22:00", "end": "04:00", "zone": "Europe/Paris"}.

alter table penfeld.silence add column weekly jsonb;
comment on column penfeld.silence.weekly is 'On which days and hours it holds between starts_at and ends_at; null: always';

-- Until when a silence holds that holds at a moment; null where it does not. A local time that comes twice or never
-- is the one by standard time, as in model/weekly.py.
create function penfeld.silent_until(starts_at timestamptz, ends_at timestamptz, weekly jsonb, at timestamptz)
    returns timestamptz language sql stable parallel safe as $$
    select case
        when at < starts_at or at >= ends_at then null
        when weekly is null then ends_at
        else (
            select max(least(ends_at, turn.till))
            from generate_series(0, 1) as back
            cross join lateral (
                select date_trunc('day', at at time zone (weekly ->> 'zone')) - back * interval '1 day' as day
            ) as local
            cross join lateral (
                select (day + (weekly ->> 'start')::time) at time zone (weekly ->> 'zone') as since,
                       (day + (weekly ->> 'end')::time
                            + case when (weekly ->> 'end') > (weekly ->> 'start') then interval '0' else interval '1 day' end
                       ) at time zone (weekly ->> 'zone') as till
            ) as turn
            where weekly -> 'days' ? to_char(day, 'dy') and at >= turn.since and at < turn.till)
    end
$$;
