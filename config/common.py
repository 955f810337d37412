"""What every process of the hotline has (公共部分): bus, loops, database, and the word of the other processes and of commands."""

from functools import partial
from pathlib import Path

from config.parts import calendar_state, disk_state
from config.settings import Settings
from core.bus import Bus
from core.channel import Channel
from core.clock import Clock
from core.db import Database
from core.errors import HotlineError
from core.outbox import Outbox
from core.tasks import Tasks
from core.web.keys import Probe


class OneProcessOnly(HotlineError):
    """Processes speak to one another through PostgreSQL."""

    code = "one_process_only"
    status = 409
    text = "SQLite 只供单个进程使用；要把呼叫控制和话务台分开运行，请把 database.url 设为 PostgreSQL，或改用 hotline run。"


class Common:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.bus = Bus()
        self.tasks = Tasks(clock)
        self.db = Database(settings.database, self.bus)
        for provided in settings.of_the_database:
            self.db.provide(provided)
        self._channel = Channel(self.db)
        self._outbox = Outbox(self.db)

    @property
    def name(self) -> str:
        """Of the node that this process belongs to."""
        return self.settings.asterisk.system_name

    @property
    def channel(self) -> Channel:
        """Raises OneProcessOnly."""
        if not self.db.is_postgresql:
            raise OneProcessOnly
        return self._channel

    async def hear_others(self) -> None:
        """From now on news of other processes are delivered on the bus; after everybody has subscribed to the channel."""
        await self._outbox.listen(self._channel if self.db.is_postgresql else None)
        if self.db.pulse:
            self.tasks.loop("database-pulse", self.db.pulse.run)
            self.tasks.loop("channel", self._channel.run)
        self.tasks.loop("outbox", self._outbox.run)

    async def stop(self) -> None:
        await self.end_work()
        await self.db.close()

    async def end_work(self) -> None:
        """What goes on by itself ends; the database is there until after it."""
        await self.tasks.close()

    def common_probes(self, *folders: Path) -> dict[str, Probe]:
        """`folders`: where this process writes besides its own data."""
        return {
            "disk": partial(
                disk_state, self.settings.recordings.least_free_mb, self.settings.data_dir, *folders
            ),
            "calendar": partial(calendar_state, self.db, self.clock),
        }
