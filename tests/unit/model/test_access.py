"""What roles, scopes and visibility promise."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model.access import (
    ANONYMOUS,
    CITY,
    EVERYTHING,
    MAY,
    OPEN,
    PUBLIC,
    Permission,
    Principal,
    Role,
    Visibility,
    own_experiments,
    seen_experiments,
    sees,
)
from model.device import Device, State

NAMES = st.sampled_from([CITY, "quay", "roof", "secret"])
SEEN = st.dictionaries(NAMES, st.sampled_from(Visibility))
MEMBERS = st.dictionaries(st.sampled_from(["quay", "roof", "secret"]), st.sampled_from(Role))
PEOPLE = st.builds(
    Principal,
    sort=st.sampled_from(["user", "token"]),
    name=st.just("anne"),
    role=st.sampled_from(Role),
    memberships=MEMBERS,
    scope=st.frozensets(st.sampled_from(Permission)),
)


def lamp(experiment: str | None, state: State = State.ACTIVE) -> Device:
    return Device(id="lamp", type="lamp", experiment=experiment, state=state)


def test_each_role_may_more_than_the_one_before() -> None:
    """And every permission is somebody's; who is nobody may look only."""
    ladder = [PUBLIC, *(MAY[role] for role in Role)]

    assert all(less < more for less, more in pairwise(ladder))
    assert ladder[-1] == EVERYTHING
    assert {Permission.DATA} == PUBLIC
    assert all(OPEN.may(one) for one in Permission)


@given(PEOPLE)
def test_a_scope_only_takes_away(principal: Principal) -> None:
    """A token never may more than its owner, nor more than its scope."""
    assert principal.role is not None
    assert principal.permissions <= MAY[principal.role]
    assert principal.permissions <= principal.scope


@given(PEOPLE, SEEN)
def test_who_does_not_look_after_the_city_sees_what_is_opened_or_his(
    principal: Principal, visibility: dict[str, Visibility]
) -> None:
    """All for operators and admins; for others a set, in which nothing is that is neither open to them nor theirs."""
    found = seen_experiments(principal, visibility)
    if principal.role in {Role.OPERATOR, Role.ADMIN}:
        assert found is None
        return
    assert found is not None
    for name in (CITY, "quay", "roof", "secret"):
        to = visibility.get(name, Visibility.ACCOUNTS if name == CITY else Visibility.MEMBERS)
        assert (name in found) is (to is not Visibility.MEMBERS or name in principal.memberships)


@given(SEEN)
def test_who_is_nobody_sees_what_is_public(visibility: dict[str, Visibility]) -> None:
    """And nothing else; where nothing is, nothing at all: the empty set is not everything."""
    found = seen_experiments(ANONYMOUS, visibility)

    assert found == frozenset(name for name, to in visibility.items() if to is Visibility.PUBLIC)
    assert not sees(frozenset(), lamp("quay"))
    assert not sees(frozenset(), lamp(None))
    assert sees(None, lamp("quay", State.PENDING))


@given(PEOPLE, SEEN)
def test_nobody_changes_what_he_does_not_see(principal: Principal, visibility: dict[str, Visibility]) -> None:
    """What somebody changes is among what he sees; a viewer changes nothing, wherever he is a member."""
    own, seen = own_experiments(principal), seen_experiments(principal, visibility)

    assert (own is None) is (seen is None)
    assert own is None or seen is None or own <= seen
    assert principal.role is not Role.VIEWER or own == frozenset()
    assert own_experiments(ANONYMOUS) == frozenset()


def test_what_nobody_registered_is_seen_by_who_sees_all() -> None:
    """A pending device is in no experiment yet, so nobody knows whose it is."""
    assert not sees(frozenset({CITY}), lamp(None, State.PENDING))
    assert sees(frozenset({CITY}), lamp(None))
    assert sees(frozenset({CITY}), lamp(""))
    assert not sees(frozenset({CITY}), lamp("quay"))
