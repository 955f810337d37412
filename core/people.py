"""People (工作人员), their roles and scopes, their passwords and tokens (M-85, M-90).

Knows who somebody is and where a role holds; what a role may do is each room's own matter.
"""

import hashlib
import secrets
from datetime import datetime
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.units import Region, Unit

_hasher = PasswordHasher()


class Role(StrEnum):
    OPERATOR = "operator"
    """话务员 OP"""
    LIAISON = "liaison"
    """联络员 LSN, also the web query administrator (M-32)"""
    HEAD = "head"
    """本单位负责人"""
    OFFICE = "office"
    """政府办 GOV"""
    SUPERVISOR = "supervisor"
    """呼叫中心主管 SUP"""
    INSPECTOR = "inspector"
    """监察 MON"""
    SECRECY = "secrecy"
    """保密审查 SEC"""
    WINDOW = "window"
    """窗口人员: registers what is asked at a service centre's counter (M-102)"""
    ADMIN = "admin"
    """系统管理员 ADM: runs the machine, has no right to content"""


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    username: Mapped[str] = mapped_column(String(40), unique=True)
    display_name: Mapped[str] = mapped_column(String(40))
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    staff_number: Mapped[str | None] = mapped_column(String(8), unique=True)
    """工号, spoken to the caller"""
    extension: Mapped[str | None] = mapped_column(String(8), unique=True)
    """The person's telephone in Asterisk; an operator's is the seat's one audio extension (M-29)."""
    sip_password: Mapped[str] = mapped_column(String(64), default="")
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    languages: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """What an operator speaks besides Mandarin; codes of `core.languages`."""
    is_active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    unit: Mapped[Unit | None] = relationship(foreign_keys=[unit_id])
    region: Mapped[Region | None] = relationship(foreign_keys=[region_id])
    grants: Mapped[list["RoleGrant"]] = relationship(back_populates="user", cascade="all, delete-orphan")

    @property
    def roles(self) -> frozenset[Role]:
        """The roles held; load `grants` eagerly."""
        return frozenset(Role(grant.role) for grant in self.grants)


class RoleGrant(Base):
    """One role of one person; the scope is the person's own unit and region unless named here."""

    __tablename__ = "role_grants"
    __table_args__ = (UniqueConstraint("user_id", "role"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[Role] = mapped_column(String(20))

    user: Mapped[User] = relationship(back_populates="grants")


class Token(Base):
    """A bearer token of a person or the key of a channel (M-101); only its hash is kept."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[str | None] = mapped_column(String(20))
    """For a channel key: the channel it stamps on what it sends (web, window, library, …)."""
    name: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User | None] = relationship()


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def password_matches(user: User, password: str) -> bool:
    try:
        return _hasher.verify(user.password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def new_token() -> tuple[str, str]:
    """A fresh bearer token and the hash to keep."""
    token = secrets.token_urlsafe(32)
    return token, hash_token(token)


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
