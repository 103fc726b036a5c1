"""What accounts, sessions and tokens promise, in memory and on every database. A module has a fixture ``access``."""

from datetime import timedelta

import pytest

from model.access import CITY, Permission, Role, User, Visibility
from model.access_ports import Access
from model.errors import BadRequestError, ConflictError, NotFoundError
from tests.unit.storage.batches import NOON

LATER = NOON + timedelta(hours=1)
WORDS = "goéland pluvieux 29"
OTHER_WORDS = "phare mouillé 1858"


async def added(access: Access, name: str, role: Role = Role.VIEWER) -> User:
    """Make an account."""
    return await access.add_user(name, role, WORDS, who="setup", at=NOON)


async def session(access: Access, name: str = "anne", password: str = WORDS) -> str | None:
    """Log in for an hour."""
    return await access.login(name, password, at=NOON, until=LATER)


class AccessPromises:
    """Who shows the right secret is somebody, for as long as that was said."""

    async def test_a_session_is_of_who_logged_in_until_it_ends(self, access: Access) -> None:
        """With role and memberships; not a moment longer than was said."""
        await added(access, "anne", Role.EXPERIMENTER)
        await access.set_member("quay", "anne", Role.EXPERIMENTER, who="setup", at=NOON)
        secret = await session(access)
        assert secret is not None
        found = await access.by_session(secret, at=NOON)

        assert found is not None
        assert (found.sort, found.name, found.role) == ("user", "anne", Role.EXPERIMENTER)
        assert found.memberships == {"quay": Role.EXPERIMENTER}
        assert await access.by_session(secret, at=LATER) is None

    @pytest.mark.parametrize(
        ("name", "password"),
        [("anne", OTHER_WORDS), ("anne", ""), ("nobody", WORDS), ("", WORDS), ("a\0", WORDS), ("anne", "\ud800")],
    )
    async def test_wrong_names_and_passwords_let_nobody_in(self, access: Access, name: str, password: str) -> None:
        """Whatever is wrong about them; and the right ones still do."""
        await added(access, "anne")

        assert await session(access, name, password) is None
        assert await session(access, " Anne ") is not None

    async def test_who_has_no_password_cannot_log_in_with_one(self, access: Access) -> None:
        """An account of another service takes no password, not even an empty one; that service makes its session."""
        await access.add_user("anne", Role.VIEWER, None, who="setup", at=NOON)

        assert await session(access, "anne", "") is None
        secret = await access.session_for("anne", at=NOON, until=LATER)
        found = await access.by_session(secret, at=NOON)
        assert found is not None
        assert found.name == "anne"
        with pytest.raises(NotFoundError, match="nobody"):
            await access.session_for("nobody", at=NOON, until=LATER)

    async def test_logging_out_ends_the_session_and_no_other(self, access: Access) -> None:
        """Twice is no harm, nor is a session that never was."""
        await added(access, "anne")
        first, second = await session(access), await session(access)
        assert first is not None
        assert second is not None
        for secret in (first, first, "never"):
            await access.logout(secret, at=NOON)

        assert await access.by_session(first, at=NOON) is None
        assert await access.by_session(second, at=NOON) is not None

    async def test_a_new_password_ends_what_the_old_one_began(self, access: Access) -> None:
        """Sessions are over, the old password is wrong, the new one right."""
        await added(access, "anne")
        secret = await session(access)
        assert secret is not None
        await access.set_password("anne", OTHER_WORDS, who="boss", at=NOON)

        assert await access.by_session(secret, at=NOON) is None
        assert await session(access) is None
        assert await session(access, "anne", OTHER_WORDS) is not None

    @pytest.mark.parametrize("bad", ["short", "aaaaaaaaaaaaaaaa", "x" * 1001])
    async def test_a_bad_password_is_refused_and_never_told(self, access: Access, bad: str) -> None:
        """Neither for a new account nor for an old one; the account is as it was."""
        await added(access, "anne")
        with pytest.raises(BadRequestError) as first:
            await access.add_user("jean", Role.VIEWER, bad, who="setup", at=NOON)
        with pytest.raises(BadRequestError) as second:
            await access.set_password("anne", bad, who="setup", at=NOON)

        assert bad not in f"{first.value}{second.value}"
        assert [user.name for user in await access.users()] == ["anne"]
        assert await session(access) is not None

    @pytest.mark.parametrize("name", ["", "été", "a b", "a" * 101, "-a", "x\0y", "<b>"])
    async def test_a_bad_name_is_refused(self, access: Access, name: str) -> None:
        """What could be taken for something else is no name."""
        with pytest.raises(BadRequestError, match="letters"):
            await access.add_user(name, Role.VIEWER, WORDS, who="setup", at=NOON)

    async def test_one_name_is_one_account(self, access: Access) -> None:
        """However it is written; the second is refused."""
        await added(access, "anne")
        with pytest.raises(ConflictError, match="anne"):
            await added(access, " ANNE ")

    async def test_the_last_admin_stays(self, access: Access) -> None:
        """Neither removed nor made less; as soon as there is another one, both can be done."""
        await added(access, "anne", Role.ADMIN)
        with pytest.raises(ConflictError, match="only admin"):
            await access.remove_user("anne", who="anne", at=NOON)
        with pytest.raises(ConflictError, match="only admin"):
            await access.set_role("anne", Role.OPERATOR, who="anne", at=NOON)
        await added(access, "jean", Role.ADMIN)
        await access.set_role("anne", Role.OPERATOR, who="jean", at=NOON)

        assert {user.name: user.role for user in await access.users()} == {"anne": Role.OPERATOR, "jean": Role.ADMIN}

    async def test_who_is_removed_is_nobody_at_once(self, access: Access) -> None:
        """His sessions and tokens, too; an account of the same name afterwards has none of it."""
        await added(access, "anne")
        await access.set_member("quay", "anne", Role.VIEWER, who="setup", at=NOON)
        secret = await session(access)
        token, _ = await access.new_token("anne", "notebook", {Permission.DATA}, who="anne", at=NOON)
        assert secret is not None
        await access.remove_user("anne", who="boss", at=NOON)
        again = await added(access, "anne")

        assert await access.by_session(secret, at=NOON) is None
        assert await access.by_token(token, at=NOON) is None
        assert (await access.users()) == [again]

    async def test_a_role_counts_from_the_next_question_on(self, access: Access) -> None:
        """Sessions and tokens that there are already speak for what their owner is now."""
        await added(access, "anne", Role.OPERATOR)
        secret = await session(access)
        token, _ = await access.new_token("anne", "n", {Permission.DATA}, who="anne", at=NOON)
        assert secret is not None
        await access.set_role("anne", Role.VIEWER, who="boss", at=NOON)
        asking = [await access.by_session(secret, at=NOON), await access.by_token(token, at=NOON)]

        assert [one and one.role for one in asking] == [Role.VIEWER, Role.VIEWER]

    async def test_a_token_speaks_for_its_owner_within_its_scope(self, access: Access) -> None:
        """It begins with pf_, is told once, and may what its scope says."""
        await added(access, "anne", Role.ADMIN)
        token, made = await access.new_token(
            "anne", "notebook", {Permission.DATA, Permission.ALARMS}, who="anne", at=NOON
        )
        found = await access.by_token(token, at=NOON)

        assert token.startswith("pf_")
        assert token.startswith(made.prefix)
        assert found is not None
        assert (found.sort, found.name, found.token) == ("token", "anne", "notebook")
        assert found.permissions == {Permission.DATA, Permission.ALARMS}
        assert token not in f"{await access.tokens()}{await access.audit()}"

    async def test_a_token_ends_when_it_was_to_or_when_it_is_revoked(self, access: Access) -> None:
        """A moment before it still works; another one is not touched; nobody revokes somebody else's as his own."""
        await added(access, "anne")
        await added(access, "jean")
        scope = {Permission.DATA}
        short, _ = await access.new_token("anne", "short", scope, who="anne", at=NOON, expires_at=LATER)
        long, made = await access.new_token("anne", "long", scope, who="anne", at=NOON)

        assert await access.by_token(short, at=LATER - timedelta(seconds=1)) is not None
        assert await access.by_token(short, at=LATER) is None
        with pytest.raises(NotFoundError):
            await access.revoke(made.id, who="jean", at=NOON, owner="jean")
        assert await access.by_token(long, at=NOON) is not None
        await access.revoke(made.id, who="anne", at=LATER, owner="anne")
        assert await access.by_token(long, at=LATER) is None
        with pytest.raises(NotFoundError, match=str(made.id)):
            await access.revoke(made.id, who="anne", at=LATER)

    async def test_it_is_known_when_a_token_was_used(self, access: Access) -> None:
        """Who looks at the list sees which token nobody needs."""
        await added(access, "anne")
        token, made = await access.new_token("anne", "n", {Permission.DATA}, who="anne", at=NOON)
        idle, _ = await access.new_token("anne", "idle", {Permission.DATA}, who="anne", at=NOON)
        assert made.used_at is None
        await access.by_token(token, at=LATER)

        assert {one.name: one.used_at for one in await access.tokens("anne")} == {"n": LATER, "idle": None}
        assert await access.tokens("jean") == []
        assert token != idle

    async def test_a_token_of_no_use_is_not_made(self, access: Access) -> None:
        """That may nothing, is over already, has no name, or is nobody's."""
        await added(access, "anne")
        for owner, name, scope, until in (
            ("anne", "n", set[Permission](), None),
            ("anne", "n", {Permission.DATA}, NOON),
            ("anne", " ", {Permission.DATA}, None),
        ):
            with pytest.raises(BadRequestError):
                await access.new_token(owner, name, scope, who="anne", at=NOON, expires_at=until)
        with pytest.raises(NotFoundError, match="nobody"):
            await access.new_token("nobody", "n", {Permission.DATA}, who="anne", at=NOON)

        assert await access.tokens() == []

    async def test_what_is_none_of_ours_is_nobodys(self, access: Access) -> None:
        """Neither as a session nor as a token."""
        await added(access, "anne")
        secret = await session(access)
        token, made = await access.new_token("anne", "n", {Permission.DATA}, who="anne", at=NOON)
        assert secret is not None
        for text in ("", "pf_", made.prefix, token[:-1], token.upper(), secret, "\ud800", "\0"):
            assert await access.by_token(text, at=NOON) is None
        for text in ("", secret[:-1], token, "\ud800", "\0"):
            assert await access.by_session(text, at=NOON) is None

    async def test_who_may_see_an_experiment(self, access: Access) -> None:
        """As somebody said it last; of others nothing is known."""
        await access.set_visibility("quay", Visibility.PUBLIC, who="boss", at=NOON)
        await access.set_visibility("quay", Visibility.MEMBERS, who="boss", at=NOON)
        await access.set_visibility(CITY, Visibility.PUBLIC, who="boss", at=NOON)

        assert await access.visibility() == {"quay": Visibility.MEMBERS, CITY: Visibility.PUBLIC}

    async def test_members_come_and_go(self, access: Access) -> None:
        """Each is one thing in an experiment, the last that was said."""
        await added(access, "anne")
        await access.set_member("quay", "anne", Role.VIEWER, who="boss", at=NOON)
        await access.set_member("quay", "anne", Role.EXPERIMENTER, who="boss", at=NOON)
        await access.set_member("roof", "anne", Role.VIEWER, who="boss", at=NOON)
        await access.set_member("roof", "anne", None, who="boss", at=NOON)
        [user] = await access.users()

        assert user.memberships == {"quay": Role.EXPERIMENTER}
        with pytest.raises(NotFoundError, match="nobody"):
            await access.set_member("quay", "nobody", Role.VIEWER, who="boss", at=NOON)

    async def test_every_change_is_written_down_and_no_secret_is(self, access: Access) -> None:
        """Who, what, whom, before and after; the newest first, page by page."""
        await access.add_user("anne", Role.ADMIN, WORDS, who="setup", at=NOON)
        await access.set_password("anne", OTHER_WORDS, who="anne", at=NOON)
        await access.add_user("jean", Role.VIEWER, WORDS, who="anne", at=NOON)
        await access.set_role("jean", Role.OPERATOR, who="anne", at=LATER)
        token, made = await access.new_token("jean", "n", {Permission.DATA}, who="jean", at=LATER)
        await access.revoke(made.id, who="anne", at=LATER)
        await access.remove_user("jean", who="anne", at=LATER)
        await access.set_visibility("quay", Visibility.PUBLIC, who="anne", at=LATER)
        await access.note("devices.registered", "2 devices", {"after": 2}, who="anne", at=LATER)
        lines = await access.audit()

        assert [(one.who, one.what, one.target) for one in lines] == [
            ("anne", "devices.registered", "2 devices"),
            ("anne", "experiment.visibility", "quay"),
            ("anne", "user.removed", "jean"),
            ("anne", "token.revoked", str(made.id)),
            ("jean", "token.made", str(made.id)),
            ("anne", "user.role", "jean"),
            ("anne", "user.added", "jean"),
            ("anne", "user.password", "anne"),
            ("setup", "user.added", "anne"),
        ]
        assert lines[5].detail == {"before": {"role": "viewer"}, "after": {"role": "operator"}}
        assert lines[1].detail == {"before": None, "after": "public"}
        for secret in (WORDS, OTHER_WORDS, token):
            assert secret not in str(lines)
        assert [one.id for one in await access.audit(limit=2, before=lines[3].id)] == [one.id for one in lines[4:6]]
        assert [one.what for one in await access.audit(who="jean")] == ["token.made"]
        assert [one.what for one in await access.audit(target="anne")] == ["user.password", "user.added"]
