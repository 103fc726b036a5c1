"""Logging in and out, accounts, tokens, who sees which experiment, and who changed what.

Rules:

1. A password or token is never in an address, an answer (a new token excepted, once) or a log.
2. Where there are no accounts, all this is answered with 404: there is nobody to be.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.access.gate import SESSION, Asker, forget, remember, session_in
from api.access.rights import needs
from api.access_schemas import (
    AskerOut,
    ExperimentOut,
    LoginIn,
    MemberIn,
    PasswordIn,
    TokenIn,
    TokenMadeOut,
    TokenOut,
    UserChangeIn,
    UserIn,
    UserOut,
    VisibilityIn,
)
from api.alert_schemas import AuditOut
from api.context import PREFIX, Context, ContextDep
from api.errors import FORBIDDEN, INVALID, NOT_FOUND, UNAUTHORIZED, Problem
from api.openapi import problems
from api.parameters import CursorQuery, close_cursor, next_link, number_in
from api.schemas import Page, Word
from model.access import CITY, READING, Permission, Principal, Role, Token, User, Visibility, user_name
from model.access_ports import Access
from model.alarm import AuditLine

router = APIRouter(prefix=PREFIX, tags=["access"])

MAX_ROWS = 1000
NOBODY = "no account"
UserPath = Annotated[Word, Path(description="The account's name.", examples=["anne"])]
TokenPath = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its `id` in the list.")]
ExperimentPath = Annotated[Word, Path(description="The experiment's name; `-` for devices of none.")]
NO_EXPERIMENT = "-"


@router.post("/login", summary="Log in", responses=problems(401, 403, 404, 413, 422, 503))
@needs()
async def login(request: Request, response: Response, context: ContextDep, asked: LoginIn) -> AskerOut:
    """Begin a session: the answer sets a cookie that scripts cannot read. Programs send a token instead.

    Wrong name and wrong password are answered alike.
    """
    access, now, guard = _access(context), context.clock(), context.logins
    tried = asked.name.strip().lower()
    if guard is not None:
        guard.check(tried, request)
    session = await access.login(asked.name, asked.password.get_secret_value(), at=now, until=now + SESSION)
    known = None if session is None else await access.by_session(session, at=now)
    if session is None or known is None:
        if guard is not None:
            guard.failed(tried, request)
        raise Problem(UNAUTHORIZED, "name or password is wrong")
    if guard is not None:
        guard.succeeded(tried)
    remember(response, request, session)
    response.headers["Cache-Control"] = "no-store"
    return _asker(known)


@router.post("/logout", summary="Log out", status_code=204, response_model=None, responses=problems(403, 404, 422, 503))
@needs()
async def logout(request: Request, response: Response, context: ContextDep) -> None:
    """End this session, here and in the browser; whoever has none is not told."""
    session = session_in(request)
    if session is not None:
        await _access(context).logout(session, at=context.clock())
    forget(response, request)


@router.get("/me", summary="Who am I", responses=problems(401, 503))
@needs()
async def me(response: Response, asker: Asker) -> AskerOut:
    """Tell who asks and what he may."""
    response.headers["Cache-Control"] = "no-store"
    return _asker(asker)


@router.put(
    "/me/password",
    summary="Change one's password",
    status_code=204,
    response_model=None,
    responses=problems(401, 403, 404, 413, 422, 503),
)
@needs(Permission.TOKENS)
async def change_password(request: Request, response: Response, context: ContextDep, asked: PasswordIn) -> None:
    """Change the password of the account that is logged in; all its sessions end, and this one begins again."""
    access, now, name = _access(context), context.clock(), context.asker.name
    if context.asker.sort != "user":
        raise Problem(INVALID, "a token changes no password: log in")
    guard = context.logins
    if guard is not None:
        guard.check(name, request)
    if await access.login(name, asked.old.get_secret_value(), at=now, until=now + SESSION) is None:
        if guard is not None:
            guard.failed(name, request)
        raise Problem(INVALID, "the old password is wrong")
    await access.set_password(name, asked.new.get_secret_value(), who=name, at=now)
    remember(response, request, await access.session_for(name, at=now, until=now + SESSION))


@router.get("/users", summary="Accounts", responses=problems(401, 403, 404, 422, 503))
@needs(Permission.MANAGE)
async def users(context: ContextDep) -> Page[UserOut]:
    """All accounts in order of their names."""
    found = await _access(context).users()
    return Page(items=[_user(one) for one in found], limit=max(len(found), 1))


@router.post(
    "/users", summary="Make an account", status_code=201, responses=problems(401, 403, 404, 409, 413, 422, 503)
)
@needs(Permission.MANAGE)
async def add_user(context: ContextDep, asked: UserIn) -> UserOut:
    """Make an account; its owner logs in with name and password, and changes that afterwards."""
    _in_person(context)
    password = None if asked.password is None else asked.password.get_secret_value()
    made = await _access(context).add_user(asked.name, asked.role, password, who=_who(context), at=context.clock())
    return _user(made)


@router.patch("/users/{user}", summary="Change an account", responses=problems(401, 403, 404, 409, 413, 422, 503))
@needs(Permission.MANAGE)
async def change_user(context: ContextDep, user: UserPath, asked: UserChangeIn) -> UserOut:
    """Give an account another role or password; a new password ends its sessions."""
    access, name, now = _access(context), user_name(user), context.clock()
    _in_person(context)
    if asked.password is not None:
        await access.set_password(name, asked.password.get_secret_value(), who=_who(context), at=now)
    if asked.role is not None:
        await access.set_role(name, asked.role, who=_who(context), at=now)
    for one in await access.users():
        if one.name == name:
            return _user(one)
    raise Problem(NOT_FOUND, f"there is no account {name}")


@router.delete(
    "/users/{user}",
    summary="Remove an account",
    status_code=204,
    response_model=None,
    responses=problems(401, 403, 404, 409, 422, 503),
)
@needs(Permission.MANAGE)
async def remove_user(context: ContextDep, user: UserPath) -> None:
    """Remove an account with its sessions and tokens; the last admin stays."""
    _in_person(context)
    await _access(context).remove_user(user_name(user), who=_who(context), at=context.clock())


@router.get("/tokens", summary="Tokens", responses=problems(401, 403, 404, 422, 503))
@needs(Permission.TOKENS)
async def tokens(
    context: ContextDep,
    everybody: Annotated[bool, Query(description="Those of all accounts, for admins.")] = False,  # noqa: FBT002  a query parameter
) -> Page[TokenOut]:
    """One's own tokens, also those that ended, the newest first."""
    if everybody and not context.asker.may(Permission.MANAGE):
        raise Problem(FORBIDDEN, "an admin sees everybody's tokens; leave everybody out for your own")
    found = await _access(context).tokens(None if everybody else context.asker.name)
    return Page(items=[_token(one) for one in found], limit=max(len(found), 1))


@router.post("/tokens", summary="Make a token", status_code=201, responses=problems(401, 403, 404, 413, 422, 503))
@needs(Permission.TOKENS)
async def new_token(response: Response, context: ContextDep, asked: TokenIn) -> TokenMadeOut:
    """Make a token for a program: it may what its scope says, as far as its owner may.

    The secret is in this answer and nowhere else. A token makes no other: it would outlive itself.
    """
    asker, access = context.asker, _access(context)
    if asker.sort != "user":
        raise Problem(FORBIDDEN, "a token makes no token: log in")
    scope = READING if asked.scope is None else frozenset(asked.scope)
    owner = asker.name if asked.owner is None else user_name(asked.owner)
    if owner != asker.name and not asker.may(Permission.MANAGE):
        raise Problem(FORBIDDEN, "an admin makes tokens for others; leave owner out for one of your own")
    secret, made = await access.new_token(
        owner, asked.name, scope, who=_who(context), at=context.clock(), expires_at=asked.expires_at
    )
    response.headers["Cache-Control"] = "no-store"
    return TokenMadeOut(**_token(made).model_dump(), token=secret)


@router.delete(
    "/tokens/{token}",
    summary="Revoke a token",
    status_code=204,
    response_model=None,
    responses=problems(401, 403, 404, 422, 503),
)
@needs(Permission.TOKENS)
async def revoke(context: ContextDep, token: TokenPath) -> None:
    """End a token, one's own, or anybody's for an admin."""
    asker = context.asker
    owner = None if asker.may(Permission.MANAGE) else asker.name
    await _access(context).revoke(token, who=_who(context), at=context.clock(), owner=owner)


@router.get("/experiments", summary="Who sees which experiment", responses=problems(401, 403, 404, 422, 503))
@needs(Permission.MANAGE)
async def experiments(context: ContextDep) -> Page[ExperimentOut]:
    """Experiments that have members or of which somebody said who may see them; those of no name: other devices."""
    access = _access(context)
    known, people = await access.visibility(), await access.users()
    names = sorted({CITY, *known, *(name for one in people for name in one.memberships)})
    found = [
        ExperimentOut(
            name=name,
            visibility=known.get(name, Visibility.ACCOUNTS if name == CITY else Visibility.MEMBERS),
            members={one.name: one.memberships[name] for one in people if name in one.memberships},
        )
        for name in names
    ]
    return Page(items=found, limit=len(found))


@router.put(
    "/experiments/{experiment}",
    summary="Open or close an experiment",
    status_code=204,
    response_model=None,
    responses=problems(401, 403, 404, 413, 422, 503),
)
@needs(Permission.MANAGE)
async def open_experiment(context: ContextDep, experiment: ExperimentPath, asked: VisibilityIn) -> None:
    """Say who sees the devices of an experiment: anybody, everybody with an account, or its members."""
    name = CITY if experiment == NO_EXPERIMENT else experiment
    await _access(context).set_visibility(name, asked.visibility, who=_who(context), at=context.clock())


@router.put(
    "/experiments/{experiment}/members/{user}",
    summary="Make somebody a member",
    status_code=204,
    response_model=None,
    responses=problems(401, 403, 404, 413, 422, 503),
)
@needs(Permission.MANAGE)
async def set_member(
    context: ContextDep, experiment: ExperimentPath, user: UserPath, asked: MemberIn | None = None
) -> None:
    """Let somebody see an experiment (`viewer`), or change its devices and rules (`experimenter`)."""
    role = Role.VIEWER if asked is None else asked.role
    await _access(context).set_member(experiment, user_name(user), role, who=_who(context), at=context.clock())


@router.delete(
    "/experiments/{experiment}/members/{user}",
    summary="Let a member go",
    status_code=204,
    response_model=None,
    responses=problems(401, 403, 404, 422, 503),
)
@needs(Permission.MANAGE)
async def remove_member(context: ContextDep, experiment: ExperimentPath, user: UserPath) -> None:
    """Let a member go; of who was none nothing changes."""
    await _access(context).set_member(experiment, user_name(user), None, who=_who(context), at=context.clock())


@router.get("/audit", summary="Who changed what", responses=problems(401, 403, 404, 422, 503))
@needs(Permission.MANAGE)
async def audit(
    request: Request,
    response: Response,
    context: ContextDep,
    who: Annotated[Word | None, Query(description="Only what this one did.")] = None,
    target: Annotated[Word | None, Query(description="Only what was done to this.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description=f"Lines a page, at most {MAX_ROWS:,}.")] = 100,
    cursor: CursorQuery = None,
) -> Page[AuditOut]:
    """Every change with who made it, what was before and what is after; the newest first."""
    found = await _access(context).audit(who=who, target=target, limit=limit + 1, before=number_in(cursor))
    page: list[AuditLine] = list(found[:limit])
    following = close_cursor(str(page[-1].id)) if len(found) > limit else None
    response.headers.update(next_link(request, following))
    return Page(items=[AuditOut.model_validate(one) for one in page], limit=limit, next_cursor=following)


def _access(context: Context) -> Access:
    """Return the accounts; raise a problem where there are none."""
    if context.access is None:
        detail = 'there are no accounts here: set [access] mode = "accounts" in penfeld.toml'
        raise Problem(NOT_FOUND, detail)
    return context.access


def _in_person(context: Context) -> None:
    """Raise a problem for a token: who could give itself a password would be more than its scope says."""
    if context.asker.sort == "token":
        raise Problem(FORBIDDEN, "a token changes no accounts: log in")


def _who(context: Context) -> str:
    return context.asker.who or NOBODY


def _asker(principal: Principal) -> AskerOut:
    return AskerOut(
        sort=principal.sort,
        name=principal.name,
        role=principal.role,
        permissions=sorted(principal.permissions),
        memberships=dict(principal.memberships),
        token=principal.token,
    )


def _user(user: User) -> UserOut:
    return UserOut(
        name=user.name,
        role=user.role,
        created_at=user.created_at,
        has_password=user.has_password,
        memberships=dict(user.memberships),
    )


def _token(token: Token) -> TokenOut:
    return TokenOut.model_validate(
        {
            "id": token.id,
            "name": token.name,
            "owner": token.owner,
            "prefix": token.prefix,
            "scope": sorted(token.scope),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "used_at": token.used_at,
            "revoked_at": token.revoked_at,
        }
    )
