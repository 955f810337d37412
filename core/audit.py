"""The audit log (审计日志): append-only, each row chained to the one before by a hash (M-91).

Altering or removing any row breaks the chain; `verify` names the first broken one.
"""

import hashlib
import json
from datetime import UTC, datetime

from sqlalchemy import String, Text, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.db import Base, PrimaryKey, UtcDateTime

GENESIS = "0" * 64
_CHAIN_LOCK = 96128


class AuditRow(Base):
    __tablename__ = "audit_rows"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(60))
    """The account, or `system`."""
    role: Mapped[str] = mapped_column(String(60), default="")
    action: Mapped[str] = mapped_column(String(60), index=True)
    """`login`, `recording.play`, `number.reveal`, …"""
    target: Mapped[str] = mapped_column(String(120), default="", index=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[str] = mapped_column(String(64), default="")
    """The network address it came from."""
    previous_hash: Mapped[str] = mapped_column(String(64), unique=True)
    row_hash: Mapped[str] = mapped_column(String(64), unique=True)

    def computed_hash(self) -> str:
        fields = [
            self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            self.actor,
            self.role,
            self.action,
        ]
        fields += [self.target, self.reason, self.source, self.previous_hash]
        return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()


async def record(
    session: AsyncSession,
    clock: Clock,
    *,
    actor: str,
    action: str,
    target: str = "",
    role: str = "",
    reason: str = "",
    source: str = "",
) -> AuditRow:
    """Append one row in the caller's unit of work; two writers cannot both follow the same row."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
        await session.execute(select(func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    last = await session.scalar(select(AuditRow).order_by(AuditRow.id.desc()).limit(1))
    row = AuditRow(
        at=clock.now(),
        actor=actor,
        role=role,
        action=action,
        target=target,
        reason=reason,
        source=source,
        previous_hash=last.row_hash if last else GENESIS,
    )
    row.row_hash = row.computed_hash()
    session.add(row)
    await session.flush()
    return row


async def verify(session: AsyncSession) -> int | None:
    """The id of the first row that does not fit the chain, or None when all is whole."""
    previous = GENESIS
    rows = await session.stream_scalars(
        select(AuditRow).order_by(AuditRow.id).execution_options(yield_per=1000)
    )
    async for row in rows:
        if row.previous_hash != previous or row.row_hash != row.computed_hash():
            return row.id
        previous = row.row_hash
    return None
