"""Groups of the identity provider become roles, and nobody becomes somebody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.oidc.claims import RefusedError, RoleMapping, account, groups, person, role

ISSUER = "https://id.city.example"
MAPPING = RoleMapping(roles={"sig-lampes": "operator", "all": "viewer"})


@pytest.mark.parametrize(
    ("claim", "claims", "found"),
    [
        ("groups", {"groups": ["a", "b"]}, ("a", "b")),
        ("groups", {"groups": "a"}, ("a",)),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, ("a",)),
        ("https://city.example/roles", {"https://city.example/roles": ["a"]}, ("a",)),
        ("groups", {"groups": [1, None, ["x"], "a"]}, ("a",)),
        ("groups", {"groups": {"a": 1}}, ()),
        ("a.b", {"a": "text"}, ()),
        ("groups", {}, ()),
    ],
)
def test_groups_are_found_where_providers_put_them(
    claim: str, claims: dict[str, object], found: tuple[str, ...]
) -> None:
    """In a claim of that very name, along dots, as a list or one text; what makes no sense is none."""
    assert groups(claims, claim) == found


def test_the_highest_role_counts() -> None:
    """Who is in two groups has the role that may more."""
    assert role({"groups": ["all", "sig-lampes"]}, MAPPING) == "operator"
    assert role({"groups": ["all", "others"]}, MAPPING) == "viewer"


def test_an_unknown_group_gives_the_default_role_or_none() -> None:
    """Without a default role, somebody without a mapped group is refused, and told so in both languages."""
    assert role({"groups": ["others"]}, RoleMapping(roles={"a": "admin"}, default="viewer")) == "viewer"
    with pytest.raises(RefusedError) as refused:
        role({"groups": ["others"]}, MAPPING)
    assert "groups" in refused.value.reason.en
    assert "groupes" in refused.value.reason.fr


def test_a_person_is_bound_to_the_subject() -> None:
    """Two people of one name have two accounts, also those of two providers, and none is called admin."""
    claims = {"sub": "s-1", "name": "Marie  Le Gall\n", "preferred_username": "admin", "email": "m@city.example"}
    one = person(ISSUER, {**claims, "groups": ["all"]}, MAPPING)
    other = person(ISSUER, {**claims, "sub": "s-2", "groups": ["all"]}, MAPPING)
    elsewhere = person("https://id.other.example", {**claims, "groups": ["all"]}, MAPPING)

    assert (one.name, one.email, one.role) == ("Marie Le Gall", "m@city.example", "viewer")
    assert one.account.startswith("admin+")
    assert len({one.account, other.account, elsewhere.account, "admin"}) == 4


@given(st.text(max_size=300), st.text(max_size=300))
def test_an_account_has_a_name_that_accounts_may_have(subject: str, called: str) -> None:
    """Whatever the provider calls somebody, the account's name is letters, digits and a few signs, not too long."""
    name = account(ISSUER, subject, called)

    assert len(name) <= 100
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-+")
    assert name[0].isalnum()
    assert name.count("+") == 1


_ODD = st.none() | st.text(max_size=5) | st.lists(st.integers() | st.text(max_size=5), max_size=3) | st.just({"of": 1})


@given(st.dictionaries(st.sampled_from(["groups", "groups.of", "of"]), _ODD, max_size=3))
def test_no_claims_are_too_strange(claims: dict[str, object]) -> None:
    """Whatever stands in claims, somebody without a mapped group has the default role."""
    assert role(claims, RoleMapping(claim="groups.of", roles={}, default="viewer")) == "viewer"
