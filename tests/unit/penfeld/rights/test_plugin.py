"""What the plugin is told makes the rights so, and nothing more."""

import base64
import hashlib
import json
from typing import Any

import pytest

from model.errors import BadRequestError, UnavailableError
from penfeld.rights import plugin
from penfeld.rights.grants import Grant, device, services
from penfeld.rights.plugin import Response, acls_of, first_file, plan, removal, responses

BOARD = device("lab_board", "bench-7")
SECRET = "correct-horse"  # noqa: S105 -- planted, to be looked for


def answered(grant: Grant | None, **changed: Any) -> list[Response]:  # noqa: ANN401 -- members of the plugin's answer
    """Return what the plugin answers about a client that is there as granted, or not at all."""
    if grant is None:
        texts: list[dict[str, object]] = [{"error": "Client not found"}, {"error": "Role not found"}]
    else:
        client = {"username": grant.name, "clientid": grant.client_id, "roles": [{"rolename": grant.name}], **changed}
        acls = [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in acls_of(grant)]
        texts = [{"data": {"client": client}}, {"data": {"role": {"rolename": grant.name, "acls": acls[::-1]}}}]
    return list(responses(json.dumps({"responses": texts}).encode()))


def test_what_is_there_already_is_left_alone() -> None:
    """A plan for rights that are so is empty, in whatever order the plugin tells them, and sets no password."""
    found = plan(BOARD, answered(BOARD), SECRET)

    assert (found.commands, found.changes, found.password) == ((), (), False)


def test_what_is_not_there_is_made() -> None:
    """A role with the rights first, then a client with password, client id and that role alone."""
    found = plan(BOARD, answered(None), SECRET)

    assert [one["command"] for one in found.commands] == ["createRole", "createClient"]
    assert found.commands[1]["clientid"] == BOARD.name
    assert found.commands[1]["roles"] == [{"rolename": BOARD.name}]
    assert found.commands[1]["password"] == SECRET
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("changed", "command"),
    [
        ({"clientid": ""}, "modifyClient"),
        ({"roles": [{"rolename": BOARD.name}, {"rolename": "admin"}]}, "modifyClient"),
        ({"disabled": True}, "enableClient"),
    ],
)
def test_what_somebody_changed_is_put_right(changed: dict[str, object], command: str) -> None:
    """Another client id, a second role or a client switched off are put right, and the password stays."""
    found = plan(BOARD, answered(BOARD, **changed), SECRET)

    assert [one["command"] for one in found.commands] == [command]
    assert found.password is False


def test_rights_that_differ_are_replaced_whole() -> None:
    """A role that allows more than it should is written anew."""
    answers = answered(BOARD)
    assert answers[1].data.role is not None
    answers[1].data.role.acls[0].topic = "#"

    found = plan(BOARD, answers, SECRET)

    assert [one["command"] for one in found.commands] == ["modifyRole"]
    assert {one["topic"] for one in found.commands[0]["acls"]} == set(BOARD.publish)


def test_a_new_password_is_set_when_it_is_asked_for() -> None:
    """For a client that is there."""
    found = plan(BOARD, answered(BOARD), SECRET, renew=True)

    assert [one["command"] for one in found.commands] == ["setClientPassword"]
    assert found.password is True


def test_only_penfelds_own_clients_are_taken_away() -> None:
    """A client and its role go; what is not there needs nothing; who manages the broker stays."""
    assert [one["command"] for one in removal(BOARD.name, answered(BOARD)).commands] == ["deleteClient", "deleteRole"]
    assert removal(BOARD.name, answered(None)).commands == ()
    with pytest.raises(BadRequestError, match="no client that Penfeld made"):
        removal("admin", answered(None))


def test_the_first_file_holds_no_password_and_lets_each_one_in() -> None:
    """Passwords are kept as PBKDF2 over SHA-512 with a salt each; nothing is allowed that no role allows."""
    found = services(["frames/+"])
    passwords = {name: f"{SECRET}-{name}" for name in (plugin.ADMIN, *(one.name for one in found.values()))}
    salts = {name: name.encode() for name in passwords}

    file = first_file([*found.values()], passwords, salts)

    assert SECRET not in json.dumps(file)
    for client in file["clients"]:
        name = client["username"]
        digest = hashlib.pbkdf2_hmac("sha512", passwords[name].encode(), salts[name], client["iterations"])
        assert base64.b64decode(client["password"]) == digest
    assert not any(allowed for kind, allowed in file["defaultACLAccess"].items() if kind != "unsubscribe")
    assert len({client["password"] for client in file["clients"]}) == len(passwords)


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"responses": 3}', b"\xff"])
def test_an_answer_that_is_none_is_said_so(payload: bytes) -> None:
    """What is not the plugin's answer ends in a sentence."""
    with pytest.raises(UnavailableError, match="do not understand"):
        responses(payload)
