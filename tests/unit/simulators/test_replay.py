"""Recorded frames are read as they were, and mistakes in a file are told with their line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decoders.networks import adapters
from model.errors import ConfigError
from model.uplink import Uplink
from simulators.replay import load, read

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_recorded_events_stay_as_they_are() -> None:
    """Objects, texts and base64 payloads leave with their topic, bytes and time, under the name of their network."""
    lines = [
        {"topic": "application/a/device/b/event/up", "payload": {"fCnt": 1}, "time": "2026-11-22T10:00:00Z"},
        {"topic": "penfeld/v1/callbacks/sigfox", "payload": '{"device":"1"}', "time": 1795345201},
        {"topic": "penfeld/v1/tram/7/up", "payload": "AP8=", "encoding": "base64", "time": "1795345202.5"},
        {"topic": "v3/a@b/devices/c/up", "payload": {}, "time": "2026-11-22T11:00:03"},
        {"topic": "something/else", "payload": "x"},
    ]
    found = read("\n".join(json.dumps(line) for line in lines) + "\n\n", name="a.jsonl", start=START)
    events = [sending.event for sending in found.sendings]
    assert [event.source for event in events] == ["chirpstack", "sigfox", "native", "thethingsstack", "mqtt"]
    assert [event.payload for event in events] == [b'{"fCnt":1}', b'{"device":"1"}', b"\x00\xff", b"{}", b"x"]
    assert found.sendings[0].at == datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()
    assert found.sendings[2].at == 1795345202.5
    assert found.sendings[4].at == pytest.approx(START.timestamp() + 0.04)
    assert found.devices == ()


def test_frames_are_wrapped_for_a_network() -> None:
    """A frame with a port goes through ChirpStack, one without is native; both are marked, their devices named."""
    text = (
        "device_type,f_port,payload,device\nelsys_ers,5,01 00 e2,\npenfeld_tramunit,,02ff,tram-7\nelsys_ers,5,0100e3,\n"
    )
    found = read(text, name="frames.csv", start=START)
    first, second, third = (
        one
        for s in found.sendings
        for one in adapters()[s.event.source].uplinks(s.event.topic, s.event.payload)
        if isinstance(one, Uplink)
    )
    assert (first.payload, first.f_port, first.f_cnt, first.simulated) == (b"\x01\x00\xe2", 5, 0, True)
    assert (second.payload, second.device, second.device_type, second.simulated) == (
        b"\x02\xff",
        "tram-7",
        "penfeld_tramunit",
        True,
    )
    assert third.device == first.device
    assert [(device.id, device.type, device.network) for device in found.devices] == [
        (first.device, "elsys_ers", "chirpstack"),
        ("tram-7", "penfeld_tramunit", "native"),
    ]
    array = json.dumps([{"device_type": "elsys_ers", "f_port": 5, "payload": "0100e2"}])
    assert read(array, name="frames.json", start=START).sendings == found.sendings[:1]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Each bad line is named, with what is wrong with it; nothing of the file is sent."""
    file = tmp_path / "bad.jsonl"
    file.write_text(
        '{"topic": "a/b", "payload": "x"}\nnot json\n{"payload": "00"}\n{"device_type": "t", "payload": "0"}\n'
        '{"topic": "a"}\n{"topic": "a", "payload": "?", "encoding": "base64"}\n'
        '{"topic": "a", "payload": "x", "time": "soon"}\n'
    )
    with pytest.raises(ConfigError) as caught:
        load(file, start=START)
    problems = caught.value.problems
    assert [problem.removeprefix(f"{file}:")[0] for problem in problems] == ["2", "3", "4", "5", "6", "7"]
    assert "not a JSON object" in problems[0]
    assert "topic or device_type is missing" in problems[1]
    assert "hex" in problems[2]
    assert "payload is missing" in problems[3]
    assert "base64" in problems[4]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Absent and empty files give one line that says so."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.jsonl", start=START)
    with pytest.raises(ConfigError, match="holds no frames"):
        read("", name="empty.jsonl", start=START)
    with pytest.raises(ConfigError, match="not a JSON array"):
        read("[1,", name="cut.json", start=START)
