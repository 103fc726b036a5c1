"""Settings: one file and the environment, every problem at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from model.errors import ConfigError
from penfeld.config import Config, SourceSettings, load


def written(folder: Path, text: str) -> Path:
    """Return a settings file with this text."""
    file = folder / "penfeld.toml"
    file.write_text(text)
    return file


def problems(file: Path | None, **environ: str) -> tuple[str, ...]:
    """Return what is wrong with a file and an environment."""
    with pytest.raises(ConfigError) as caught:
        load(file, environ)
    return caught.value.problems


def test_without_a_file_everything_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file and no variable: broker and database are embedded, and the page is on this machine only."""
    monkeypatch.chdir(tmp_path)

    config = load(None, {})

    assert config == Config()
    assert config.broker.embedded
    assert config.database.embedded
    assert (config.api.host, config.api.port) == ("127.0.0.1", 8080)


def test_the_file_in_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``./penfeld.toml`` is read where no other file is named."""
    written(tmp_path, "[api]\nport = 9000\n")
    monkeypatch.chdir(tmp_path)

    assert load(None, {}).api.port == 9000


def test_every_key_comes_from_the_environment_first(tmp_path: Path) -> None:
    """A variable wins over the file, and each kind of value can be written in one."""
    file = written(tmp_path, '[api]\nport = 9000\nhost = "192.0.2.1"\n[broker]\nurl = "mqtt://a"\n')

    config = load(
        file,
        {
            "PENFELD_API_PORT": "9001",
            "PENFELD_BROKER_URL": "mqtts://b:8883",
            "PENFELD_CONSOLE_CENTRE": "[48.4, -4.5]",
            "PENFELD_CATALOGUE": "/a:/b",
            "PENFELD_SOURCE": '[{name = "lab", network = "native"}]',
        },
    )

    assert config.api.port == 9001
    assert config.api.host == "192.0.2.1"
    assert config.broker.url == "mqtts://b:8883"
    assert config.console.centre == (48.4, -4.5)
    assert config.catalogue == (Path("/a"), Path("/b"))
    assert config.sources == (SourceSettings(name="lab", network="native"),)


def test_the_file_may_be_named_in_the_environment(tmp_path: Path) -> None:
    """``PENFELD_CONFIG`` names the file, as ``--config`` does."""
    file = written(tmp_path, "[ingest]\nbatch_frames = 7\n")

    assert load(None, {"PENFELD_CONFIG": str(file)}).ingest.batch_frames == 7


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path) -> None:
    """A file can be moved with the folders that it names."""
    config = load(written(tmp_path, 'data_dir = "data"\ncatalogue = ["my-devices"]\n'), {})

    assert config.data_dir == tmp_path / "data"
    assert config.catalogue == (tmp_path / "my-devices",)


def test_every_problem_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    """Unknown keys, wrong kinds, values out of range: all in one error, each with its line and what would be right."""
    file = written(
        tmp_path,
        'data_dri = "x"\n[api]\nport = "8080"\nhots = "0.0.0.0"\n[ingest]\nbatch_frames = 0\n[brokr]\nurl = "x"\n',
    )

    assert set(problems(file)) == {
        f"{file}:1: data_dri is no setting; did you mean data_dir?",
        f"{file}:3: [api] port must be a whole number",
        f"{file}:4: hots is no setting of [api]; did you mean host?",
        f"{file}:6: [ingest] batch_frames must be between 1 and 65535",
        f"{file}:7: brokr is no setting; did you mean broker?",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[broker]\nurl = "tcp://host"', "broker address: must look like mqtt://"),
        ('[database]\nurl = "mysql://host/db"', "postgresql://user:password@host/database"),
        ('[database]\nurl = "postgresql://host:port/db"', "is no address"),
        ('[broker]\nprotocol = "4"', 'must be "3.1.1" or "5"'),
        ('[broker]\nca_file = "missing.pem"', "which is no file"),
        ("[console]\ncentre = [91, 0]", "[latitude, longitude] in degrees"),
        ('[console]\ncentre = ["a"]', "a list of numbers"),
        ("api = 3", "[api] must be a table of keys"),
        ('[[source]]\nname = "a"', "[[source]] number 1 lacks network"),
        ('source = "x"', "[[source]] tables"),
        (
            '[[source]]\nname = "a"\nnetwork = "native"\n[[source]]\nname = "a"\nnetwork = "sigfox"',
            "two [[source]] are called 'a'",
        ),
        ("[api\nport = 1", "is no TOML"),
    ],
)
def test_a_wrong_value_says_what_would_be_right(tmp_path: Path, text: str, words: str) -> None:
    """Each kind of mistake has one line that helps."""
    (problem,) = problems(written(tmp_path, text))

    assert words in problem


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("window = 65536", 2, "[ingest] window must be between 1 and 65535"),
        ("window = 5000", 2, "window (5000) must not be smaller than batch_frames (10000)"),
        ("batch_frames = 40000", 2, "window (30000) must not be smaller than batch_frames (40000)"),
        ('share = "a/+"', 2, "[ingest] share may hold letters, digits, _ . - (at most 64)"),
        ('worker = "w2"\nshare = "city"', 3, "[ingest] share needs a broker of your own"),
    ],
)
def test_what_cannot_flow_is_refused(tmp_path: Path, text: str, line: int, words: str) -> None:
    """A window that the protocol or a batch forbids, a share that cannot be one: told with the line to change."""
    file = written(tmp_path, f"[ingest]\n{text}\n")

    (problem,) = problems(file)

    assert problem.startswith(f"{file}:{line}: ")
    assert words in problem


def test_a_share_and_a_window(tmp_path: Path) -> None:
    """Several workers share what a broker of their own delivers; the environment is checked like the file."""
    file = written(tmp_path, '[broker]\nurl = "mqtt://broker"\n[ingest]\nshare = "city"\nwindow = 65535\n')

    assert (load(file, {}).ingest.share, load(file, {}).ingest.window) == ("city", 65535)
    assert problems(file, PENFELD_INGEST_WINDOW="9")[0].startswith("PENFELD_INGEST_WINDOW makes no sense: window (9)")


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    """A problem in the environment names the variable, not the file."""
    assert problems(written(tmp_path, ""), PENFELD_API_PORT="many") == ("PENFELD_API_PORT must be a whole number",)


def test_a_missing_file_is_one_line() -> None:
    """A file that was asked for and is not there is an error, not a default."""
    assert problems(Path("nowhere.toml")) == (
        "nowhere.toml: cannot be read: No such file or directory; check the path given",
    )


def test_a_variable_that_is_none_is_noted_not_refused(tmp_path: Path) -> None:
    """Orchestrators invent variables with our prefix; a likely typing error is pointed out."""
    config = load(written(tmp_path, ""), {"PENFELD_API_PROT": "1", "PENFELD_API_PORT": "9000"})

    assert config.notes == ("PENFELD_API_PROT is no setting and is ignored; did you mean PENFELD_API_PORT?",)


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither ``repr`` nor a message holds a password or a token."""
    config = load(
        written(tmp_path, ""),
        {
            "PENFELD_BROKER_URL": "mqtt://u:hush@h",
            "PENFELD_DATABASE_URL": "postgresql://u:hush@h/d",
            "PENFELD_API_SIGFOX_TOKEN": "hush",
            "PENFELD_API_CALLBACK_TOKENS": '{ loriot = "hush" }',
            "PENFELD_API_THINGPARK_KEY": "hush",
        },
    )

    assert "hush" not in repr(config)
    assert "hush" not in problems(written(tmp_path, '[broker]\nurl = "mqtt://u:hush@h:x"'))[0]


def test_tokens_of_networks(tmp_path: Path) -> None:
    """Each network's token stands in one table, in file or environment; the old key of Sigfox counts, too."""
    file = written(tmp_path, '[api]\nsigfox_token = "a"\n[api.callback_tokens]\nthethingsstack = "b"\n')

    assert load(file, {}).api.tokens == {"sigfox": "a", "thethingsstack": "b"}
    assert load(file, {"PENFELD_API_CALLBACK_TOKENS": '{loriot = "c"}'}).api.tokens == {"sigfox": "a", "loriot": "c"}
    assert load(written(tmp_path, ""), {}).api.tokens == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('callback_tokens = "hush"', 'callback_tokens must be a table of texts: { name = "text" }'),
        ("callback_tokens = { loriot = 7 }", "must be a table of texts"),
        ('callback_tokens = { loriot = "" }', "has no text for 'loriot'"),
        ('callback_tokens = { loriot = "hush\\n" }', "has no text for 'loriot'"),
        ('callback_tokens = { sigfox = "hush" }\nsigfox_token = "hush"', "leave out sigfox_token"),
    ],
)
def test_tokens_that_protect_nothing_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """A token that is none, or is said twice, is told with its line; what it is stays hidden."""
    file = written(tmp_path, f"[api]\n{text}\n")

    (problem,) = problems(file)

    assert problem.startswith(f"{file}:2: ")
    assert words in problem
    assert "hush" not in problem


def test_ages_have_units(tmp_path: Path) -> None:
    """How long is kept what is written with its unit, or as "none"; the environment says it the same way."""
    text = '[retention]\nreadings = "2 years"\nuplink = "none"\n[retention.types.lamp]\nreadings = "90 d"\n'
    file = written(tmp_path, text)

    config = load(file, {"PENFELD_RETENTION_ROLLUPS_1MIN": "12 weeks"})

    assert config.retention.readings == timedelta(days=730)
    assert config.retention.uplink is None
    assert config.retention.rollups_1min == timedelta(weeks=12)
    assert config.retention_types["lamp"].ages == {"readings": timedelta(days=90)}
    assert config.retention_types["lamp"].place == f"{file}:4"


def test_ages_that_would_lose_something_are_refused(tmp_path: Path) -> None:
    """No unit, too short for what is made of it, an unknown key: all are told at once, each with its line."""
    file = written(
        tmp_path,
        '[retention]\nreadings = 90\nrollups_1h = "2 days"\nrolups_1d = "none"\n'
        '[columnstore]\nuplink = "none"\n[city]\ntime_zone = "Asia/Kolkata"\n'
        '[retention.types.lamp]\nreadings = "1 day"\n',
    )

    found = problems(file)

    assert len(found) == 6
    for line, words in (
        (2, '[retention] readings has no unit: write "90 days"'),
        (3, "[retention] rollups_1h must be 3 days at least"),
        (4, "rolups_1d is no setting of [retention]; did you mean rollups_1d?"),
        (6, "[columnstore] uplink must be a time"),
        (8, "[city] time_zone is no whole number of hours from UTC"),
        (10, "[retention.types.lamp] readings must be 3 days at least"),
    ):
        assert any(problem.startswith(f"{file}:{line}: {words}") for problem in found), words


def test_a_variable_may_name_a_file_that_holds_its_value(tmp_path: Path) -> None:
    """Secrets come as files; the variable itself wins; a file that is missing is a problem that names it."""
    secret = tmp_path / "database-url"
    secret.write_text("postgresql://penfeld:s@db/penfeld\n")

    assert load(None, {"PENFELD_DATABASE_URL_FILE": str(secret)}).database.url == "postgresql://penfeld:s@db/penfeld"
    both = {"PENFELD_DATABASE_URL_FILE": str(secret), "PENFELD_DATABASE_URL": "postgresql://other@db/penfeld"}
    assert load(None, both).database.url == "postgresql://other@db/penfeld"
    with pytest.raises(ConfigError, match=r"PENFELD_DATABASE_URL_FILE names .*absent"):
        load(None, {"PENFELD_DATABASE_URL_FILE": str(tmp_path / "absent")})
