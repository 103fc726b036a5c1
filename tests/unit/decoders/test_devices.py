"""What every device file promises, those not yet written included, whatever reads their payloads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.batch import NO_TIME, DecodedBatch
from decoders.catalogue import Catalogue
from decoders.device import Decoded, Definition, Record
from decoders.output import Output
from model.errors import DecodeError, EncodeError
from model.uplink import Value

BUILTIN = Catalogue.builtin()
MADE_UP = Path(__file__).parents[2] / "data" / "devices"
CATALOGUE = Catalogue.builtin(
    {file.stem: file.read_text() for file in MADE_UP.glob("*.toml")},
    {file.name: file.read_text() for file in MADE_UP.glob("*.js")},
)
"""All types of the package, and some with a codec: of makers' scripts, and of formats."""


@pytest.fixture(params=CATALOGUE.names())
def definition(request: pytest.FixtureRequest) -> Definition:
    return CATALOGUE[str(request.param)]


def records_of(batch: DecodedBatch, position: int) -> list[Record]:
    """Return the records of one payload of a batch, as decoding it alone gives them."""
    records = []
    for row in np.flatnonzero(batch.frame == position).tolist():
        values: dict[str, Value] = {
            name: column.values[row].item() if hasattr(column.values[row], "item") else column.values[row]
            for name, column in batch.columns.items()
            if column.valid[row]
        }
        time_us = int(batch.time_us[row])
        records.append(Record(values, None if time_us == NO_TIME else time_us, int(batch.age_us[row])))
    return records


def known(decoded: Decoded) -> list[Record]:
    """Return the records without their nulls, which a column does not tell from what was not said."""
    return [
        Record(
            {name: value for name, value in record.values.items() if value is not None}, record.time_us, record.age_us
        )
        for record in decoded.records
    ]


def assert_batch_agrees(definition: Definition, payloads: Sequence[bytes], ports: Sequence[int | None]) -> None:
    """Decode payloads together and alone; compare every value to the last bit, every warning and every error."""
    batch = together(definition, payloads, ports)
    assert np.all(np.diff(batch.frame) >= 0)
    for position, (payload, port) in enumerate(zip(payloads, ports, strict=True)):
        try:
            alone = definition.decode(payload, f_port=port)
        except DecodeError as error:
            found = batch.errors[position]
            assert (str(found), found.offset) == (str(error), error.offset)
            assert 0 <= error.offset <= len(payload)
            assert records_of(batch, position) == []
        else:
            assert position not in batch.errors
            assert repr(records_in_order(records_of(batch, position))) == repr(records_in_order(known(alone)))
            assert batch.warnings.get(position, ()) == alone.warnings


def together(definition: Definition, payloads: Sequence[bytes], ports: Sequence[int | None]) -> DecodedBatch:
    """Decode payloads together, as ingest does: it asks the cage first where there is a script."""
    if definition.script is None:
        return definition.decode_batch(payloads, ports)
    outputs: list[Output | DecodeError] = []
    for payload, port in zip(payloads, ports, strict=True):
        try:
            outputs.append(definition.output(payload, f_port=port))
        except DecodeError as error:
            outputs.append(error)
    return definition.decode_outputs(outputs)


def records_in_order(records: list[Record]) -> list[Record]:
    """Return the records with their values in order of name, so that their texts can be compared."""
    return [Record(dict(sorted(record.values.items())), record.time_us, record.age_us) for record in records]


def test_examples_hold(definition: Definition) -> None:
    """Every example of a device file gives the values, warnings or the error that it promises."""
    assert definition.check() == ()


def test_examples_show_success_and_failure(definition: Definition) -> None:
    """Every device file shows at least one payload that decodes and one that does not."""
    errors = [example.error for example in definition.examples]
    assert None in errors
    assert any(error is not None for error in errors)


def test_examples_decode_alike_in_a_batch(definition: Definition) -> None:
    """A batch of the examples gives the same values, warnings and errors as each of them alone."""
    examples = [*definition.examples] * 5
    assert_batch_agrees(definition, [example.payload for example in examples], [example.f_port for example in examples])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_bytes_decode_or_say_where_they_stop(data: st.DataObject) -> None:
    """Any bytes into any decoder give values or a ``DecodeError`` with an offset inside; alone and in a batch alike."""
    definition = CATALOGUE[data.draw(st.sampled_from(CATALOGUE.names()))]
    payloads = data.draw(st.lists(mutated(definition), min_size=1, max_size=12))
    ports = data.draw(st.lists(st.sampled_from(ports_of(definition)), min_size=len(payloads), max_size=len(payloads)))
    assert_batch_agrees(definition, payloads, ports)


def ports_of(definition: Definition) -> list[int | None]:
    """Return the ports of a device type, one that it has not, and none."""
    own = {port for frame in definition.frames for port in frame.f_ports}
    own |= {example.f_port for example in definition.examples if example.f_port is not None}
    return [None, 222, *sorted(own)]


def mutated(definition: Definition) -> st.SearchStrategy[bytes]:
    """Return payloads near those of the examples, and others."""
    near = st.builds(
        lambda payload, at, byte, cut: (payload[:at] + bytes([byte]) + payload[at + 1 :])[: len(payload) + 1 - cut],
        st.sampled_from([example.payload for example in definition.examples]),
        st.integers(0, 40),
        st.integers(0, 255),
        st.integers(0, 4),
    )
    return near | st.binary(max_size=60)


def spoilt(payload: bytes, random: np.random.Generator) -> bytes:
    """Return a payload with about every fifth byte replaced."""
    return bytes(random.integers(256) if random.random() < 0.2 else byte for byte in payload)


@pytest.mark.parametrize("name", CATALOGUE.names())
def test_random_payloads_of_every_length_agree(name: str) -> None:
    """Payloads of every length with random bytes, many of each, decode alike alone and in a batch."""
    definition = CATALOGUE[name]
    random = np.random.default_rng(2026)
    examples = [example.payload for example in definition.examples if example.error is None]
    payloads = [random.bytes(length) for length in range(20) for _ in range(6)]
    payloads += [spoilt(payload, random) for payload in examples for _ in range(20)]
    ports = [example.f_port for example in definition.examples if example.error is None]
    choices = ports_of(definition)
    f_ports = [choices[int(index)] for index in random.integers(0, len(choices), 120)]
    f_ports += [port for port in ports for _ in range(20)]
    assert_batch_agrees(definition, payloads, f_ports)


def test_examples_come_back_from_encoding(definition: Definition) -> None:
    """What an example says can be encoded and decodes to the same again; encoding refuses what a layout cannot say.

    The devices of our own must be able to say all that they decode without a warning; a maker's script only reads.
    """
    for example in definition.examples:
        if example.error is not None:
            continue
        decoded = definition.decode(example.payload, f_port=example.f_port)
        records = said(definition, decoded)
        try:
            encoded = definition.encode(records, frame=decoded.frame, f_port=example.f_port)
        except EncodeError as error:
            assert not definition.type.reference or decoded.warnings, error
            continue
        again = definition.decode(encoded.payload, f_port=encoded.f_port)
        assert said(definition, again) == records


REFERENCE = [name for name in CATALOGUE.names() if CATALOGUE[name].type.reference]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_devices_of_our_own_can_say_all_they_decode(data: st.DataObject) -> None:
    """Whatever one of our own devices decodes to without a warning, it can say again, to the last bit."""
    definition = CATALOGUE[data.draw(st.sampled_from(REFERENCE))]
    payload = data.draw(mutated(definition))
    port = data.draw(st.sampled_from(ports_of(definition)))
    try:
        decoded = definition.decode(payload, f_port=port)
    except DecodeError:
        return
    records = said(definition, decoded)
    if decoded.warnings or not records:
        return
    try:
        encoded = definition.encode(records, frame=decoded.frame, f_port=port)
    except EncodeError as error:
        assert "time between records is needed" in str(error), error
        return
    assert said(definition, definition.decode(encoded.payload, f_port=port)) == records


def said(definition: Definition, decoded: Decoded) -> list[dict[str, Value]]:
    """Return the records as encoding takes them, with the time between them if a word says it."""
    records: list[dict[str, Value]] = []
    for record in decoded.records:
        values: dict[str, Value] = {name: value for name, value in record.values.items() if value is not None}
        if record.time_us is not None and not record.age_us:
            values["time"] = record.time_us / 1e6
        records.append(values)
    log = next((frame.log for frame in definition.frames if frame.name == decoded.frame), None)
    if log is not None and log.step_word and len(records) > 1:
        step_us = abs(decoded.records[1].age_us - decoded.records[0].age_us)
        records[0 if log.newest_first else -1][log.step_word] = step_us // (1_000_000 * log.step_s)
    return records


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in BUILTIN])
def test_what_no_field_takes_is_not_lost(name: str) -> None:
    """What a codec says of an example is taken by a field or left by its path, and nothing is both."""
    definition = CATALOGUE[name]
    for example in definition.examples:
        if example.error is not None:
            continue
        output = definition.output(example.payload, f_port=example.f_port)
        told = list(definition.explained(output))
        left = {one.path for one in told if not one.fields}
        assert left == set(definition.mapped(output).rest)
        assert {field for one in told for field in one.fields} - {"time"} == {
            field for record in example.records for field in record.values
        }
