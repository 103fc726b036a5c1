"""Settings of the login by an identity provider and of limits: what is wrong is said with its line and a remedy."""

from pathlib import Path

import pytest

from model.errors import ConfigError
from penfeld.access_settings import LimitSettings, OidcSettings
from penfeld.config import load
from penfeld.oidc import oidc_config

SECRET = "hush-7f3a"  # noqa: S105 -- planted, to be looked for
GOOD = """\
[access.oidc]
issuer = "https://id.city.example/realms/city"
client_id = "penfeld"
client_secret_file = "secret"
public_url = "https://iot.city.example/"
roles = { "sig-lampes" = "operator" }
"""
ACCOUNTS = {"PENFELD_ACCESS_MODE": "accounts"}


def written(folder: Path, text: str) -> Path:
    """Write settings, and the secret beside them."""
    (folder / "secret").write_text(f"{SECRET}\n")
    file = folder / "penfeld.toml"
    file.write_text(text)
    return file


def test_a_login_by_a_provider_is_read_with_its_secret(tmp_path: Path) -> None:
    """The redirect address follows from the public one; the secret is in no repr."""
    config = load(written(tmp_path, GOOD), ACCOUNTS)
    found = oidc_config(config.oidc)

    assert found is not None
    assert found.client.client_secret == SECRET
    assert found.client.redirect_url == "https://iot.city.example/login/oidc/callback"
    assert (found.mapping.roles, found.mapping.default, found.secure) == ({"sig-lampes": "operator"}, None, True)
    assert SECRET not in repr(found) + repr(config)


def test_without_an_issuer_there_is_no_such_login() -> None:
    """The default is local accounts alone."""
    assert oidc_config(OidcSettings()) is None


def test_everything_can_come_from_the_environment(tmp_path: Path) -> None:
    """Sections within sections have variables as others do, and a secret may be named as a file."""
    (tmp_path / "secret").write_text(SECRET)
    config = load(
        None,
        {
            **ACCOUNTS,
            "PENFELD_ACCESS_OIDC_ISSUER": "https://id.city.example",
            "PENFELD_ACCESS_OIDC_CLIENT_ID": "penfeld",
            "PENFELD_ACCESS_OIDC_CLIENT_SECRET_FILE": str(tmp_path / "secret"),
            "PENFELD_ACCESS_OIDC_PUBLIC_URL": "https://iot.city.example",
            "PENFELD_ACCESS_OIDC_DEFAULT_ROLE": "viewer",
            "PENFELD_API_LIMITS_EXPORTS": "3",
        },
    )
    found = oidc_config(config.oidc)

    assert found is not None
    assert (found.client.client_secret, found.mapping.default) == (SECRET, "viewer")
    assert config.limits == LimitSettings(exports=3)
    assert config.notes == ()


@pytest.mark.parametrize(
    ("changed", "line", "told"),
    [
        ('issuer = "http://id.city.example"', 2, "https://"),
        ('issuer = "https://user:pw@id.city.example"', 2, "https://"),
        ('client_id = ""', 3, "must be set"),
        ('client_secret_file = "nothing"', 4, "is no file"),
        ('public_url = "iot.city.example"', 5, "https://"),
        ('roles = { "sig-lampes" = "boss" }', 6, "viewer, experimenter, operator, admin"),
        ("roles = {}", 6, "nobody could log in"),
        ('scopes = ["profile"]', 7, "openid"),
        ('default_role = "boss"', 7, "viewer"),
        ('client_secret = "hush-7f3a"', 7, "keep one"),
        ("role = 1", 7, "did you mean"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, changed: str, line: int, told: str) -> None:
    """Each wrong key with the place and what would be right, and never the secret."""
    key = changed.split(" = ", maxsplit=1)[0]
    lines = [changed if one.startswith(f"{key} = ") else one for one in GOOD.splitlines()]
    text = "\n".join(lines if changed in lines else [*lines, changed])

    with pytest.raises(ConfigError) as wrong:
        load(written(tmp_path, text), ACCOUNTS)

    assert len(wrong.value.problems) == 1
    assert wrong.value.problems[0].startswith(f"{tmp_path / 'penfeld.toml'}:{line}: ")
    assert told in wrong.value.problems[0]
    assert SECRET not in wrong.value.problems[0]


@pytest.mark.parametrize(
    "text", ["[access]\nusers = 1\n", "access = 3\n", "[access]\noidc = 3\n", "[api]\nlimits = []\n"]
)
def test_what_is_no_section_is_said_so(tmp_path: Path, text: str) -> None:
    """A table that is none, or has keys that nobody knows."""
    with pytest.raises(ConfigError):
        load(written(tmp_path, text), ACCOUNTS)


def test_an_empty_secret_is_no_secret(tmp_path: Path) -> None:
    """A file with nothing in it is told by its name."""
    config = load(written(tmp_path, GOOD), ACCOUNTS)
    (tmp_path / "secret").write_text(" \n")

    with pytest.raises(ConfigError, match="is empty"):
        oidc_config(config.oidc)


def test_proxies_are_addresses(tmp_path: Path) -> None:
    """A name is refused: it could become another's."""
    assert load(
        written(tmp_path, '[api.limits]\ntrusted_proxies = ["10.0.0.0/8", "::1"]\n'), ACCOUNTS
    ).limits.trusted_proxies
    with pytest.raises(ConfigError, match="neither an address nor a network"):
        load(written(tmp_path, '[api.limits]\ntrusted_proxies = ["proxy.city.example"]\n'), ACCOUNTS)


def test_a_login_without_accounts_is_refused(tmp_path: Path) -> None:
    """Who sets a provider but leaves the door open would think that people log in."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, GOOD), {})

    assert 'set it to "accounts"' in str(caught.value)
