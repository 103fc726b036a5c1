"""What ``deploy/`` says of the settings is true."""

import re
from dataclasses import fields
from pathlib import Path

from penfeld.channel_settings import ChannelSettings
from penfeld.config import Config, SourceSettings, load

EXAMPLE = Path(__file__).parents[3] / "deploy" / "penfeld.toml"


def uncommented(text: str) -> str:
    """Return the file with every setting in force, but for files that only exist where TLS is used."""
    return re.sub(
        r"^#(?=[a-z_]+ = |\[\[)", "", re.sub(r"^#\w+_file = .*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE
    )


def test_the_example_names_every_setting() -> None:
    """Each key of each section is in deploy/penfeld.toml."""
    text = EXAMPLE.read_text()
    keys = [
        *Config.TOP,
        *(f.name for kind in (*Config.SECTIONS.values(), *Config.PARTS.values(), SourceSettings) for f in fields(kind)),
    ]

    assert [key for key in keys if not re.search(rf"^#{key} = ", text, re.MULTILINE)] == []


def test_the_example_as_it_is_changes_nothing() -> None:
    """With everything commented out, the defaults hold."""
    config = load(EXAMPLE, {})

    assert (config.broker, config.database, config.api) == (Config().broker, Config().database, Config().api)
    assert (config.ingest, config.console, config.sources) == (Config().ingest, Config().console, ())


def test_the_example_can_be_uncommented(tmp_path: Path) -> None:
    """Every value shown is one that the settings take, and the defaults shown are the defaults."""
    file = tmp_path / "penfeld.toml"
    file.write_text(uncommented(EXAMPLE.read_text()))

    config = load(file, {})

    assert (config.broker, config.database, config.api) == (Config().broker, Config().database, Config().api)
    assert config.ingest == Config().ingest
    assert (config.mail, config.limits) == (Config().mail, Config().limits)
    assert config.oidc == Config().oidc
    assert [source.name for source in config.sources] == ["lamps"]
    assert [channel.name for channel in config.channels] == ["night-shift", "incidents"]


def test_the_example_names_every_key_of_a_channel() -> None:
    """Each key of a channel is in deploy/penfeld.toml, in force or as an example."""
    keys = [f.name for f in fields(ChannelSettings)]

    assert [key for key in keys if not re.search(rf"^# ?{key} = ", EXAMPLE.read_text(), re.MULTILINE)] == []
