"""Every layout in which the world publishes codecs is read, with all that stands in it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.corpora import LAYOUTS, Found, Published, read
from decoders.corpora.published import NOTHING, Expected

ROOT = Path(__file__).parents[3] / "data" / "corpora"
UPLINK = '{"input": {"fPort": 1, "bytes": [1]}, "output": {"data": {"n": 1}}}'
SCRIPT = "function decodeUplink(input) { return { data: { n: input.bytes[0] } }; }"


def files_of(layout: str) -> dict[str, str]:
    """Return the files of our own corpus in one layout."""
    folder = ROOT / layout
    return {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()}


def only(found: Found) -> Published:
    """Return the one codec that was found."""
    assert found.problems == ()
    [codec] = found.codecs
    return codec


def test_the_things_network_names_a_script_for_each_function() -> None:
    """A codec's YAML gives script and examples of all three functions; the device that uses it gives the title."""
    codec = only(read(files_of("thethingsnetwork")))

    assert (codec.layout, codec.name, codec.title) == ("The Things Network", "lab/soil", "Lab soil probe")
    assert codec.path == "vendor/lab/soil.js"
    assert [fixture.way for fixture in codec.fixtures] == ["uplink", "uplink", "uplink", "downlink", "back"]
    mild, frost, unknown, sent, back = codec.fixtures
    assert (mild.given, mild.f_port) == (bytes.fromhex("04b0500e1001"), 1)
    assert frost.expected.warnings == ("frost",)
    assert unknown.expected == Expected(NOTHING, ("unknown port",))
    assert sent.expected.data == {"bytes": [15], "fPort": 2}
    assert back.given == b"\x0f"


def test_yaml_means_what_its_second_edition_says() -> None:
    """``on`` and ``off`` are texts, ``010`` is ten and a date a text, as in the tools that publish these files."""
    files = {
        "vendor/v/a.yaml": "uplinkDecoder:\n  fileName: a.js\n  examples:\n"
        "    - input: {fPort: 1, bytes: [010, 0x1F, 7.0]}\n"
        "      output: {data: {a: on, b: no, c: 2026-05-04, d: 1e3, e: ~, f: 12:30, g: true, y: 1}}\n",
        "vendor/v/a.js": SCRIPT,
    }
    with_text = {**files, "vendor/v/a.yaml": files["vendor/v/a.yaml"].replace("010", "10")}
    [fixture] = only(read(with_text)).fixtures
    assert fixture.given == bytes([10, 31, 7])
    expected = {"a": "on", "b": "no", "c": "2026-05-04", "d": 1000.0, "e": None, "f": "12:30", "g": True, "y": 1}
    assert fixture.expected.data == expected


def test_a_yaml_with_two_scripts_is_two_codecs() -> None:
    """Where decoding and encoding are in scripts of their own, each is a codec with its own name."""
    files = {
        "vendor/v/a-codec.yaml": "uplinkDecoder:\n  fileName: a.js\ndownlinkEncoder:\n  fileName: b.js\n",
        "vendor/v/a.js": SCRIPT,
        "vendor/v/b.js": SCRIPT,
    }
    assert [(codec.name, codec.path) for codec in read(files).codecs] == [
        ("v/a", "vendor/v/a.js"),
        ("v/a-b", "vendor/v/b.js"),
    ]


def test_yaml_that_grows_is_refused() -> None:
    """A few lines of aliases can stand for more than fits into a machine: such a file is told, and not read."""
    lines = ["a0: &a0 [1, 1]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)), "uplinkDecoder: *a39"]
    [problem] = read({"vendor/v/a.yaml": "\n".join(lines)}).problems
    assert "more than 20 aliases" in problem


def test_a_copy_counts_once() -> None:
    """The same script with the same examples, published twice, is one codec."""
    files = {f"{folder}/a/{name}": text for folder in ("devices", "distrib")
             for name, text in (("examples.json", f"[{UPLINK}]"), ("main.js", SCRIPT))}  # fmt: skip
    assert [codec.path for codec in read(files).codecs] == ["devices/a/main.js"]
    files["distrib/a/examples.json"] = "[]"
    assert len(read(files).codecs) == 2


def test_a_script_that_is_missing_is_told() -> None:
    """A codec that names a script which is not there, or names none, is told with its file."""
    missing = {"vendor/v/a.yaml": "uplinkDecoder: {fileName: a.js}"}
    nameless = {"vendor/v/a.yaml": "uplinkDecoder: {}"}
    broken = {"vendor/v/a.yaml": "uplinkDecoder: {fileName: [}"}

    assert read(missing).problems == ("vendor/v/a.yaml: there is no a.js beside it",)
    assert read(nameless).problems == ("vendor/v/a.yaml: uplinkDecoder has no fileName",)
    [problem] = read(broken).problems
    assert problem.startswith("vendor/v/a.yaml: is no YAML: ")


def test_actility_takes_the_script_that_the_package_names() -> None:
    """A driver's script is that of package.json; payloads are hex, times have zones and nanoseconds."""
    meter, tide = read(files_of("actility")).codecs

    assert (tide.layout, tide.name, tide.title) == ("Actility", "lab/tide", "Lab tide gauge")
    assert tide.path == "vendors/lab/drivers/tide/dist/main.js"
    high, sent, refused = tide.fixtures
    assert high.given == bytes.fromhex("1a0a007b")
    assert high.time == datetime(2026, 5, 4, 4, 12, 9, 120456, tzinfo=UTC)
    assert (sent.name, sent.expected.data) == ("example 2", {"bytes": [0x5A], "fPort": 3})
    assert refused.expected == Expected(NOTHING, ("nothing to do",))
    assert meter.path == "vendors/lab/drivers/meter/index.js"


def test_older_drivers_have_input_and_output_side_by_side() -> None:
    """Older examples stand in a folder, one object each; they are read as those of today."""
    meter, _ = read(files_of("actility")).codecs
    reading, reset = meter.fixtures

    assert (reading.given, reading.f_port) == (bytes.fromhex("00004e20"), 7)
    assert reading.expected.data == {"energy_Wh": 20000, "port": 7}
    assert (reset.way, reset.given, reset.f_port) == ("downlink", {"reset": True}, 7)
    assert reset.expected.data == {"bytes": [1], "fPort": 7}


def test_what_thingpark_keeps_of_a_device_goes_along() -> None:
    """A driver's context and the device's set-up are given to the codec with the payload."""
    example = (
        '[{"type": "uplink", "useContext": true, "input": {"bytes": "01", "context": [{"a": 1}], '
        '"thing": {"setup": {"key": 7}}}, "output": {}}]'
    )
    codec = only(read({"d/examples.json": example, "d/index.js": SCRIPT}))

    assert codec.fixtures[0].context == [{"a": 1}]
    assert codec.fixtures[0].variables == {"key": "7"}


def test_wattecos_folders_need_no_driver_yaml() -> None:
    """A folder with examples.json and main.js is a driver too; its name is the folder's."""
    codec = only(read({"devices/atm'o/examples.json": f"[{UPLINK}]", "devices/atm'o/main.js": SCRIPT}))
    assert (codec.name, len(codec.fixtures)) == ("atm'o", 1)


def test_chirpstacks_tests_are_written_as_scripts_are() -> None:
    """ChirpStack's tests may have remarks, hexadecimal numbers, keys without quotes and commas at ends."""
    codec = only(read(files_of("chirpstack")))

    assert (codec.layout, codec.name, codec.title) == ("ChirpStack", "lab/door", "Lab door")
    opened, beep = codec.fixtures
    assert (opened.name, opened.f_port, opened.given) == ("open", 10, b"\x01\x07")
    assert opened.expected.data == {"open": True, "openings": {"count": 7}}
    assert (beep.way, beep.expected.data) == ("downlink", {"bytes": [1]})


def test_a_script_by_itself_is_a_codec() -> None:
    """A lone script is read with the examples beside it, or without any; a script without entry point is none."""
    codec = only(read(files_of("script")))
    assert (codec.layout, codec.name, len(codec.fixtures)) == ("script", "bin", 1)

    assert only(read({"a.js": SCRIPT})).fixtures == ()
    assert read({"a.js": "function other() {}"}) == Found()


def test_a_lone_script_is_no_codec_where_others_are_published() -> None:
    """In a published folder, scripts that no layout names are parts of something."""
    found = read({**files_of("chirpstack"), "tools/decodeUplink.js": SCRIPT})
    assert [codec.name for codec in found.codecs] == ["lab/door"]


def test_an_example_that_cannot_be_read_costs_no_other() -> None:
    """Bad examples are told one by one, with their numbers; the good ones stand."""
    bad = (
        '{"input": {"bytes": "xyz"}}, {"input": {"bytes": [1.5]}}, 7, {"type": "downlink-encode", "input": {"data": 1}}'
    )
    codec = only(read({"d/examples.json": f"[{UPLINK}, {bad}]", "d/index.js": SCRIPT}))

    assert len(codec.fixtures) == 1
    assert codec.broken == (
        "examples.json: example 2 has no payload: bytes is 'xyz'",
        "examples.json: example 3 has no payload: bytes is [1.5]",
        "examples.json: example 4 is no object",
        "examples.json: example 5 has no object `data` to encode",
    )


def test_an_example_that_is_nested_too_deep_is_told() -> None:
    """Lists in lists in lists, hundreds of them, are nobody's example."""
    deep = f'{{"input": {{"bytes": [1]}}, "output": {{"data": {"[" * 200}{"]" * 200}}}}}'
    codec = only(read({"d/examples.json": f"[{UPLINK}, {deep}]", "d/index.js": SCRIPT}))
    assert (len(codec.fixtures), codec.broken) == (1, ("examples.json: example 2 is nested too deep",))


@pytest.mark.parametrize("text", ["{", "[[", "7", '{"a": 1}', "[" * 100_000])
def test_a_file_that_is_no_list_of_examples_is_told(text: str) -> None:
    """A file of examples that is something else leaves a codec without examples, and says why."""
    codec = only(read({"d/examples.json": text, "d/index.js": SCRIPT}))
    assert codec.fixtures == ()
    assert len(codec.broken) == 1


def test_probes_are_uplinks() -> None:
    """The cage tries a codec with its first uplinks, to learn whether it depends on what it was asked before."""
    script = only(read(files_of("thethingsnetwork"))).script
    assert [list(call.given) for call in script.probes] == [[4, 176, 80, 14, 16, 1], [255, 156, 20, 13, 172, 0], [0]]


paths = st.sampled_from(
    ["vendor/v/a.yaml", "vendor/v/a.js", "d/examples.json", "d/index.js", "d/driver.yaml", "d/package.json",
     "v/codecs/a.js", "v/codecs/test_decode_a.json", "v/devices/a.toml", "examples.json", "d/examples/x.examples.json"]
)  # fmt: skip
texts = st.one_of(
    st.text(),
    st.sampled_from(
        [SCRIPT, f"[{UPLINK}]", "uplinkDecoder: {fileName: a.js, examples: [1]}", "{}", "[]", "name: [", "*a"]
    ),
    st.recursive(st.one_of(st.none(), st.integers(), st.text("{}[]:,'\"#&*!|>-\n ")), st.lists).map(repr),
)


@given(st.dictionaries(paths, texts))
def test_any_files_give_codecs_or_problems(files: dict[str, str]) -> None:
    """Whatever stands in such files, reading them raises nothing."""
    found = read(files)
    for layout in LAYOUTS:
        layout.read(files)
    assert all(codec.path in files for codec in found.codecs)
