"""A file between preview and import (待导入文件): kept for its sender until confirmed, replaced or a day old."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, LargeBinary, String, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.db import Base, UtcDateTime

KEPT_FOR = timedelta(days=1)


class StagedFile(Base):
    __tablename__ = "staged_files"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    """One a person: a new upload replaces it."""
    name: Mapped[str] = mapped_column(String(120))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def fingerprint(self) -> str:
        """Tells the file that was previewed from one uploaded since in another window."""
        return hashlib.sha256(self.content).hexdigest()[:16]


async def stage(session: AsyncSession, clock: Clock, user_id: int, name: str, content: bytes) -> StagedFile:
    await session.execute(delete(StagedFile).where(StagedFile.at < clock.now() - KEPT_FOR))
    await discard(session, user_id)
    staged = StagedFile(user_id=user_id, name=name[:120], content=content, at=clock.now())
    session.add(staged)
    return staged


async def discard(session: AsyncSession, user_id: int) -> None:
    await session.execute(delete(StagedFile).where(StagedFile.user_id == user_id))
