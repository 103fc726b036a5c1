"""What Mosquitto's dynamic security plugin is told, and what it keeps: its commands and its file as values. Pure.

Rules:

1. ``plan`` compares what there is with what there should be: a plan for what is so already is empty.
2. Only clients and roles of Penfeld's own names are changed or removed (``grants.own``).
3. A password leaves this module in the plugin's file, hashed (PBKDF2 over SHA-512), or in the one command that sets it.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from model.errors import BadRequestError, UnavailableError
from penfeld.rights.grants import OWN, Grant, own

REQUESTS = "$CONTROL/dynamic-security/v1"
RESPONSES = f"{REQUESTS}/response"
ADMIN = "admin"
DEFAULTS: Mapping[str, bool] = {
    "publishClientSend": False,
    "publishClientReceive": False,
    "subscribe": False,
    "unsubscribe": True,
}
"""What a client may that no role says anything of: nothing, but to hear no longer."""

_ITERATIONS = 101  # what Mosquitto's own tool takes; the passwords here are random, 256 bits
_CONTROL = "$CONTROL/dynamic-security/#"

Acl = tuple[str, str]
"""Kind and topic of what is allowed."""
Command = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client as the plugin keeps it, with the rights of its roles."""

    name: str
    client_id: str = ""
    disabled: bool = False
    roles: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to ask of the plugin, and what that does, in words; ``password``: whether a new one is set."""

    commands: tuple[Command, ...] = field(default=(), repr=False)
    changes: tuple[str, ...] = ()
    password: bool = False


class _Acl(msgspec.Struct):
    acltype: str
    topic: str
    allow: bool = True
    priority: int = 0


class _RoleName(msgspec.Struct):
    rolename: str


class _Role(msgspec.Struct):
    rolename: str
    acls: list[_Acl] = []


class _Client(msgspec.Struct):
    username: str
    clientid: str = ""
    disabled: bool = False
    roles: list[_RoleName] = []


class _Data(msgspec.Struct):
    client: _Client | None = None
    role: _Role | None = None
    clients: list[_Client] = []
    roles: list[_Role] = []


class Response(msgspec.Struct):
    """What the plugin answered to one command; ``error`` empty: it was done."""

    command: str = ""
    error: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


class _Responses(msgspec.Struct):
    responses: list[Response]


def responses(payload: bytes) -> Sequence[Response]:
    """Return what the plugin answered; raise ``UnavailableError`` if that is none of its answers."""
    try:
        return msgspec.json.decode(payload, type=_Responses).responses
    except msgspec.DecodeError as error:
        raise UnavailableError(f"the dynamic security plugin answered what we do not understand: {error}") from error


def looks(name: str) -> tuple[Command, ...]:
    """Return the questions whose answers ``plan`` needs."""
    return ({"command": "getClient", "username": name}, {"command": "getRole", "rolename": name})


def plan(wanted: Grant, answers: Sequence[Response], password: str, *, renew: bool = False) -> Plan:
    """Return what makes the broker's rights those of a grant; ``renew``: set the password of a client that is there."""
    client, role = answers[0].data.client, answers[1].data.role
    steps: list[tuple[Command, str]] = []
    acls = [_plain(one) for one in acls_of(wanted)]
    if role is None:
        steps.append(({"command": "createRole", "rolename": wanted.name, "acls": acls}, "role made"))
    elif {(one.acltype, one.topic, one.allow, one.priority) for one in role.acls} != {
        (*one, True, 0) for one in acls_of(wanted)
    }:
        steps.append(({"command": "modifyRole", "rolename": wanted.name, "acls": acls}, "rights changed"))
    steps += _client_steps(wanted, client, password, renew=renew)
    return Plan(
        commands=tuple(command for command, _ in steps),
        changes=tuple(text for _, text in steps),
        password=client is None or renew,
    )


def removal(name: str, answers: Sequence[Response]) -> Plan:
    """Return what takes a client and its role away; who is connected by it is thrown out."""
    if not own(name):
        raise BadRequestError(
            f"{name[:100]!r} is no client that Penfeld made ({', '.join(OWN)}…): take it away as it was made,"
            " with mosquitto_ctrl for instance"
        )
    commands: list[Command] = []
    if answers[0].data.client is not None:
        commands.append({"command": "deleteClient", "username": name})
    if answers[1].data.role is not None:
        commands.append({"command": "deleteRole", "rolename": name})
    return Plan(commands=tuple(commands), changes=("revoked",) if commands else ())


LISTING: tuple[Command, ...] = (
    {"command": "listClients", "verbose": True},
    {"command": "listRoles", "verbose": True},
)


def clients(answers: Sequence[Response]) -> Sequence[Client]:
    """Return all clients that there are, from the answers to ``LISTING``."""
    roles = {one.rolename: one for one in answers[1].data.roles}
    return [_shown(one, roles) for one in answers[0].data.clients]


def first_file(grants: Iterable[Grant], passwords: Mapping[str, str], salts: Mapping[str, bytes]) -> Mapping[str, Any]:
    """Return the plugin's file of a first installation: who manages it (``ADMIN``), and the clients of grants."""
    found = list(grants)
    control = [_plain((kind, _CONTROL)) for kind in ("publishClientSend", "publishClientReceive", "subscribePattern")]
    roles = {ADMIN: control, **{one.name: [_plain(acl) for acl in acls_of(one)] for one in found}}
    ids = {one.name: one.client_id for one in found if one.client_id}
    return {
        "clients": [
            {
                "username": name,
                **({"clientid": ids[name]} if name in ids else {}),
                "roles": [{"rolename": name}],
                **_hashed(passwords[name], salts[name]),
            }
            for name in roles
        ],
        "roles": [{"rolename": name, "acls": acls} for name, acls in roles.items()],
        "defaultACLAccess": dict(DEFAULTS),
    }


def acls_of(grant: Grant) -> Sequence[Acl]:
    """Return the rules of a grant. A shared subscription is asked for by a filter of its own; what comes is not."""
    says = [("publishClientSend", topic) for topic in grant.publish]
    hears = [("publishClientReceive", topic) for topic in grant.read if not topic.startswith("$share/")]
    asks = [("subscribePattern", topic) for topic in grant.read]
    return list(dict.fromkeys((*says, *hears, *asks)))


def _client_steps(
    wanted: Grant, client: _Client | None, password: str, *, renew: bool
) -> Iterable[tuple[Command, str]]:
    roles = [{"rolename": wanted.name}]
    about = {"username": wanted.name}
    if client is None:
        made: dict[str, Any] = {"command": "createClient", **about, "password": password, "roles": roles}
        yield ({**made, "clientid": wanted.client_id} if wanted.client_id else made), "client made"
        return
    changed: dict[str, Any] = {}
    if client.clientid != wanted.client_id:
        changed["clientid"] = wanted.client_id
    if [one.rolename for one in client.roles] != [wanted.name]:
        changed["roles"] = roles
    if changed:
        yield {"command": "modifyClient", **about, **changed}, "client changed"
    if client.disabled:
        yield {"command": "enableClient", **about}, "client enabled"
    if renew:
        yield {"command": "setClientPassword", **about, "password": password}, "new password"


def _shown(client: _Client, roles: Mapping[str, _Role]) -> Client:
    acls = [acl for one in client.roles if one.rolename in roles for acl in roles[one.rolename].acls if acl.allow]
    return Client(
        name=client.username,
        client_id=client.clientid,
        disabled=client.disabled,
        roles=tuple(one.rolename for one in client.roles),
        publish=tuple(sorted(acl.topic for acl in acls if acl.acltype == "publishClientSend")),
        read=tuple(sorted(acl.topic for acl in acls if acl.acltype in ("subscribePattern", "subscribeLiteral"))),
    )


def _plain(acl: Acl) -> Mapping[str, Any]:
    return {"acltype": acl[0], "topic": acl[1], "allow": True}


def _hashed(password: str, salt: bytes) -> Mapping[str, Any]:
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return {
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _ITERATIONS,
    }
