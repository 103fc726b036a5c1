"""The SQL of panels, variables and annotations. Pure text; Grafana puts times and choices in.

Rules:

1. ``grafana.curves``, ``series`` and ``by_quantity`` take the rollup that fits a range and the width of a panel.
2. A choice is an array of texts; "all" is ``'*'``, which Grafana puts in itself.
"""

# ruff: noqa: S608 -- text that Grafana completes: what people choose comes in quoted, the rest is written here

from collections.abc import Sequence

from dashboards.query import literal

DISTRICTS = "array[${district:sqlstring}]::text[]"
EXPERIMENTS = "array[${experiment:sqlstring}]::text[]"
THIS = "${device:sqlstring}"
DEVICES = "array[${device:sqlstring}]::text[]"
RANGE = "$__timeFrom()::timestamptz, $__timeTo()::timestamptz"
WIDTH = "$__interval_ms"


def chosen(alias: str = "", *, domain: str | None = None, device_type: str | None = None) -> str:
    """Return the condition that devices or alarms are of the chosen places and experiments."""
    found = [
        f"('*' = any({choice}) or {alias}{column} = any({choice}))"
        for column, choice in (("district", DISTRICTS), ("experiment", EXPERIMENTS))
    ]
    if domain is not None:
        found.append(f"{alias}domain = {literal(domain)}")
    if device_type is not None:
        found.append(f"{alias}{'type' if alias != 'a.' else 'device_type'} = {literal(device_type)}")
    return " and ".join(found)


def variable(column: str, *, domain: str | None = None, device_type: str | None = None) -> str:
    """Return what there is to choose from of a column of the register."""
    where = [f"{column} <> ''", "state = 'active'"]
    where += [f"domain = {literal(domain)}"] if domain is not None else []
    where += [f"type = {literal(device_type)}"] if device_type is not None else []
    return f"select distinct {column} from grafana.device where {' and '.join(where)} order by 1"


def devices(*, device_type: str | None = None) -> str:
    """Return devices to choose from: name and id."""
    where = f"state = 'active' and {chosen(device_type=device_type)}"
    return f"select name as __text, id as __value from grafana.device where {where} order by 1, 2 limit 5000"


def counts(where: str) -> str:
    """Return how many devices there are, are silent, and have an alarm."""
    return (
        "select count(*) as devices, count(*) filter (where silent) as silent,"
        " count(*) filter (where alarms > 0) as alarmed from grafana.device"
        f" where state = 'active' and {where}"
    )


def places(where: str) -> str:
    """Return where devices are, and how they are: 0 as it should be, 1 silent, 2 with an alarm."""
    return (
        "select id, name, latitude, longitude,"
        " case when alarms > 0 then 2 when silent then 1 else 0 end as health from grafana.device"
        f" where state = 'active' and latitude is not null and longitude is not null and {where} limit 10000"
    )


def curves(device_type: str, field: str, label: str = "") -> str:
    """Return curves of a field, by district or by device, as the person chose."""
    metric = f"metric || {literal(' · ' + label)}" if label else "metric"
    return (
        f"select time, {metric} as metric, value from grafana.curves(${{by:sqlstring}}, {literal(device_type)},"
        f" {literal(field)}, {DISTRICTS}, {EXPERIMENTS}, {DEVICES}, {RANGE}, {WIDTH}) order by time"
    )


def quantity(domain: str, name: str, *, counter: bool, language: str) -> str:
    """Return curves of a quantity over all types of a domain: the mean, of counters the increase."""
    value = "sum(increase)" if counter else "sum(total) / nullif(sum(number), 0)"
    kind = "is not null" if counter else "is null"
    return (
        f"select time, type_{language} || ' · ' || field_{language} as metric, {value} as value"
        f" from grafana.by_quantity(array[{literal(domain)}], {literal(name)}, {DISTRICTS}, {EXPERIMENTS}, {RANGE},"
        f" {WIDTH}) where increase {kind} group by 1, 2 order by 1"
    )


def one_device() -> str:
    """Return the chosen field of the chosen device, with what lay around it."""
    return (
        "select time, value, low, high from grafana.series(${type:sqlstring}, ${field:sqlstring},"
        f" array[{THIS}], {RANGE}, {WIDTH}) order by time"
    )


def newest(device_type: str, fields: Sequence[str]) -> str:
    """Return the newest values of these fields of devices of a type."""
    columns = "".join(f", {_identifier(name)}" for name in fields)
    return (
        f"select device, device_name, device_district, last_seen{columns}"
        f" from grafana.{_identifier(f'latest_{device_type}')}"
        f" where ('*' = any({DISTRICTS}) or device_district = any({DISTRICTS}))"
        f" and ('*' = any({EXPERIMENTS}) or device_experiment = any({EXPERIMENTS}))"
        " order by last_seen desc nulls last limit 500"
    )


def alarms(where: str, language: str) -> str:
    """Return open alarms, the gravest first."""
    return (
        f"select a.severity, a.device, a.name, a.title_{language} as title, a.started_at, a.first_value, a.last_value,"
        " a.district, a.acknowledged_by from grafana.alarm as a"
        f" where a.state = 'open' and not a.folded and {where}"
        " order by case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end, a.started_at desc"
        " limit 500"
    )


def raised() -> str:
    """Return how many alarms were raised in each part of the range, by severity."""
    return (
        "select $__timeGroup(a.started_at, $__interval) as time, a.severity as metric, count(*) as value"
        f" from grafana.alarm as a where $__timeFilter(a.started_at) and not a.folded and {chosen('a.')}"
        " group by 1, 2 order by 1"
    )


def most(what: str) -> str:
    """Return what raised most alarms: a name and how many."""
    return (
        f"select {what} as name, count(*) as number from grafana.alarm as a"
        f" where $__timeFilter(a.started_at) and not a.folded and {chosen('a.')} group by 1 order by 2 desc, 1 limit 12"
    )


def over(language: str) -> str:
    """Return alarms of the range that are over."""
    return (
        f"select a.severity, a.device, a.name, a.title_{language} as title, a.started_at, a.ended_at,"
        " extract(epoch from a.ended_at - a.started_at)::double precision as lasted, a.last_value, a.reason"
        " from grafana.alarm as a where a.state = 'cleared' and $__timeFilter(a.started_at) and not a.folded"
        f" and {chosen('a.')} order by a.started_at desc limit 200"
    )


def severities(where: str) -> str:
    """Return how many alarms are open of each severity."""
    each = ", ".join(
        f"count(*) filter (where a.severity = '{name}') as {name}" for name in ("critical", "warning", "info")
    )
    return f"select {each} from grafana.alarm as a where a.state = 'open' and not a.folded and {where}"


def frames(column: str, title: str) -> str:
    """Return frames an hour that had one outcome."""
    return (
        f"select hour as time, {literal(title)} as metric, sum({column}) as value from grafana.ledger"
        " where $__timeFilter(hour) group by 1 order by 1"
    )


def frames_by_source() -> str:
    """Return frames an hour of each source."""
    return (
        "select hour as time, source as metric, sum(received) as value from grafana.ledger where $__timeFilter(hour)"
        " group by 1, 2 order by 1"
    )


def frames_in_all() -> str:
    """Return what became of the frames of the range."""
    return (
        "select sum(received) as received, sum(stored) as stored, sum(duplicate) as duplicate,"
        " sum(quarantined) as quarantined from grafana.ledger where $__timeFilter(hour)"
    )


def difference() -> str:
    """Return how many frames of the range have no outcome: 0."""
    return "select coalesce(sum(difference), 0) as difference from grafana.ledger where $__timeFilter(hour)"


def age() -> str:
    """Return how long ago the newest frame came."""
    return "select extract(epoch from now() - max(last_seen))::double precision as age from grafana.device"


def quarantine() -> str:
    """Return how many lines of quarantine there are."""
    return "select count(*) as waiting from grafana.quarantine"


def reasons() -> str:
    """Return why frames are in quarantine."""
    return (
        "select source, network, reason, count(*) as number, sum(times) as times, max(last_received_at) as last_seen"
        " from grafana.quarantine group by 1, 2, 3 order by 4 desc limit 100"
    )


def jobs() -> str:
    """Return what works in the background."""
    return "select job, last_run, took_s, waiting, detail from grafana.job order by 1"


def by_type(language: str, where: str) -> str:
    """Return how the devices of each type are."""
    return (
        f"select {_board_of_type()} as board, type_{language} as name, domain, count(*) as devices,"
        " count(*) filter (where silent) as silent, count(*) filter (where alarms > 0) as alarmed,"
        f" max(last_seen) as last_seen from grafana.device where state = 'active' and {where}"
        " group by 1, 2, 3 order by 4 desc, 1"
    )


def by_domain(where: str) -> str:
    """Return how the devices of each domain are."""
    return (
        "select domain, count(*) as devices, count(*) filter (where silent) as silent,"
        " count(*) filter (where alarms > 0) as alarmed, max(last_seen) as last_seen"
        f" from grafana.device where state = 'active' and {where} group by 1 order by 2 desc, 1"
    )


def every_device() -> str:
    """Return all devices to choose from: name and id."""
    return "select name as __text, id as __value from grafana.device where state = 'active' order by 1, 2 limit 5000"


def type_of_device() -> str:
    """Return the type of the chosen device."""
    return f"select type from grafana.device where id = {THIS}"


def fields_of_device(language: str) -> str:
    """Return what the chosen device measures: title with unit, and name."""
    return (
        f"select title_{language} || case when unit in ('', '1') then '' else ' (' || unit || ')' end as __text,"
        " name as __value from grafana.field where device_type = ${type:sqlstring} and kind <> 'text' order by position"
    )


def facts(language: str) -> str:
    """Return what the register says of the chosen device."""
    return (
        f"select id, name, type_{language} as type, district, experiment, network, last_seen, silent, alarms, simulated"
        f" from grafana.device where id = {THIS}"
    )


def radio(column: str) -> str:
    """Return how well the chosen device was heard."""
    return (
        f"select time, {column} as value from grafana.uplink where device = {THIS} and $__timeFilter(time)"
        f" and {column} is not null order by time limit 5000"
    )


def latest_frames() -> str:
    """Return the newest frames of the chosen device."""
    return (
        "select time, received_at, extract(epoch from received_at - time)::double precision as delay, f_cnt, f_port,"
        f" rssi_dbm, snr_db, gateway from grafana.uplink where device = {THIS} and $__timeFilter(time)"
        " order by time desc limit 100"
    )


def annotations(where: str, language: str) -> str:
    """Return alarms as regions of a chart."""
    return (
        "select a.started_at as time, coalesce(a.ended_at, least(now(), $__timeTo()::timestamptz)) as timeend,"
        f" a.name || ' · ' || a.title_{language} as text, a.severity as tags from grafana.alarm as a"
        " where a.started_at < $__timeTo()::timestamptz"
        " and coalesce(a.ended_at, now()) >= $__timeFrom()::timestamptz"
        f" and not a.folded and {where} order by a.started_at desc limit 200"
    )


def _board_of_type() -> str:
    """Return the uid of a type's board as ``board.uid_of`` makes it."""
    uid = "'penfeld-type-' || replace(type, '_', '-')"
    cut = f"left({uid}, 31) || '-' || left(md5('type-' || type), 8)"
    return f"case when length(type) <= 27 then {uid} else {cut} end"


def _identifier(name: str) -> str:
    """Return a name of a type or field, which has small letters, digits and _ only, as SQL writes it."""
    return f'"{name}"'
