"""Who reaches the API, and whether that may be: without accounts, only this machine."""

from model.errors import ConfigError
from penfeld.config import Config
from penfeld.pushes import only_here

OPEN = "no login here: only this machine reaches it"


def reach_checked(config: Config, host: str) -> None:
    """Raise ``ConfigError`` where others would reach an API that asks nobody who he is."""
    if config.access.mode != "open" or only_here(host):
        return
    problem = (
        f'[api] host {host} is reached by other machines, and [access] mode is "open": whoever reaches it could change'
        ' everything. Set [access] mode = "accounts" and make the first account with `penfeld user add NAME --role'
        " admin`; or listen on 127.0.0.1"
    )
    raise ConfigError([problem])
