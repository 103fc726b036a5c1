"""Shapes on the wire of accounts, tokens and experiments. Secrets go in, and out once; none is in any list."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.schemas import Time, Word
from model.access import Permission, Role, Sort, Visibility


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


Password = Annotated[SecretStr, Field(max_length=1000)]


class LoginIn(_In):
    """Who logs in."""

    name: Word
    password: Password


class PasswordIn(_In):
    """A new password, by who knows the old one."""

    old: Password
    new: Password


class AskerOut(_Out):
    """Who asks, and what he may."""

    sort: Sort = Field(description="`open`: there are no accounts here, and everybody may everything")
    name: str
    role: Role | None
    permissions: list[Permission]
    memberships: dict[str, Role] = Field(description="What he is in which experiment")
    token: str = Field(description="What the token is called that was sent, if one was")


class UserIn(_In):
    """An account to be made."""

    name: Word
    role: Role = Role.VIEWER
    password: Password | None = Field(default=None, description="None: another service knows who this is")


class UserOut(_Out):
    """An account."""

    name: str
    role: Role
    created_at: datetime
    has_password: bool = Field(description="Whether it can log in here; else another service knows who this is")
    memberships: dict[str, Role]


class UserChangeIn(_In):
    """What an account is to become; what is left out stays."""

    role: Role | None = None
    password: Password | None = None


class TokenIn(_In):
    """A token to be made."""

    name: Word = Field(description="What it is for")
    scope: list[Permission] | None = Field(
        default=None, description="What it may at most; left out: read (`data`, `alarms`, `metrics`)", max_length=50
    )
    expires_at: Time | None = Field(default=None, description="When it ends; left out: when it is revoked")
    owner: Word | None = Field(default=None, description="Whose it is; for admins. Left out: one's own")


class TokenOut(_Out):
    """A token, but not its secret."""

    id: int
    name: str
    owner: str
    prefix: str = Field(description="How it begins")
    scope: list[Permission]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None = Field(description="When it was last used, to a minute")
    revoked_at: datetime | None


class TokenMadeOut(TokenOut):
    """A new token, with its secret: it is told this once."""

    token: str


class ExperimentOut(_Out):
    """Who may see an experiment."""

    name: str = Field(description="Empty: devices of no experiment")
    visibility: Visibility
    members: dict[str, Role]


class VisibilityIn(_In):
    """Who may see an experiment."""

    visibility: Visibility


class MemberIn(_In):
    """What somebody is in an experiment."""

    role: Role = Role.VIEWER
