"""Dataset files: what they say, and what is wrong with them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.dataset import Aggregate
from model.errors import ConfigError
from model.resolution import Resolution
from opendata.reading import Publisher, read_file

CITY = Publisher("Ville d’Exemple", "https://example.org", "data@example.org")
GOOD = """
title = { en = "Water by district", fr = "Eau par quartier" }
description = { en = "How much.", fr = "Combien." }
devices = { type = "meter", district = ["Siam", "Recouvrance"], tag = { use = "home" } }
fields = ["volume_m3"]
resolution = "day"
aggregate = { by = "district", at_least = 10 }
keywords = { en = ["water"], fr = ["eau", "réseau"] }
theme = "ENVI"
delay = "2 d"
"""


def test_a_file_says_all_of_a_dataset() -> None:
    """Devices, fields, resolution, aggregation, words and delay are read; the licence is the open one by default."""
    found = read_file("water-by-district", GOOD, CITY)

    assert found.id == "water-by-district"
    assert (found.title.en, found.title.fr) == ("Water by district", "Eau par quartier")
    assert found.choice.device_types == ("meter",)
    assert found.choice.districts == ("Siam", "Recouvrance")
    assert found.choice.tags == {"use": "home"}
    assert found.resolution is Resolution.DAY
    assert found.aggregate == Aggregate("district", 10)
    assert found.delay == timedelta(days=2)
    assert found.licence.id == "etalab-2.0"
    assert (found.publisher, found.contact) == ("Ville d’Exemple", "data@example.org")
    assert found.keywords["fr"] == ("eau", "réseau")


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    """Whoever writes a file corrects it in one go."""
    text = """title = "Water"
description = { en = "How much.", fr = "Combien." }
devices = { typ = "meter" }
resolutoin = "day"
resolution = "5min"
aggregate = { by = "street", at_least = 1 }
licence = "cc-by"
contact = "nobody"
delay = "soon"
not_personal = "no"
"""
    with pytest.raises(ConfigError) as caught:
        read_file("water", text, Publisher())

    told = "\n".join(caught.value.problems)
    for line, words in (
        (1, "title in both languages"),
        (3, "which devices?"),
        (4, "did you mean resolution?"),
        (5, "raw, 15min, 1h, day"),
        (6, 'by "district" or "all"'),
        (6, "at_least must be a number"),
        (7, "etalab-2.0, odbl-1.0"),
        (8, "contact must be a mail address"),
        (9, "delay must be hours or days"),
        (10, "published with the data"),
        (1, "publisher is missing"),
    ):
        assert any(one.startswith(f"water.toml:{line}: ") and words in one for one in caught.value.problems), told


def test_a_file_that_is_no_toml_is_told_by_its_name() -> None:
    """The parser's own words are in the message."""
    with pytest.raises(ConfigError, match=r"water\.toml: is no TOML: Invalid value"):
        read_file("water", "title = ", CITY)


@pytest.mark.parametrize("name", ["Water", "water_1", "-water", "style.css", "x" * 61, ""])
def test_a_name_that_no_address_can_hold_is_refused(name: str) -> None:
    """A dataset's id is a part of an address and a folder."""
    with pytest.raises(ConfigError, match="no name of a dataset"):
        read_file(name, GOOD, CITY)


@given(
    st.dictionaries(
        st.sampled_from(["title", "devices", "fields", "aggregate", "keywords", "delay", "theme"]),
        st.sampled_from(["1", "[]", "[1]", '""', "{}", "true", '"x"', "{ en = 1 }", "{ type = 1 }", "{ type = [] }"]),
    )
)
def test_whatever_a_file_holds_is_a_dataset_or_told(keys: dict[str, str]) -> None:
    """No value of any kind breaks the reader."""
    text = "\n".join(f"{key} = {value}" for key, value in keys.items())
    try:
        found = read_file("any", text, CITY)
    except ConfigError as error:
        assert error.problems
    else:
        pytest.fail(f"no description, and yet a dataset: {found}")
