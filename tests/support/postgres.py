"""A private PostgreSQL server for the tests: own folder, Unix socket only, ends with the test run."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


def _binary(name: str) -> str:
    """The program that set-up provides; resolved, because another user may not walk through our folder's links."""
    path = Path(__file__).parents[2] / ".tools/bin" / name
    if not path.exists():
        raise RuntimeError(f"PostgreSQL's {name} is missing: run `make test`")
    return str(path.resolve())


class PostgresServer:
    def __init__(self) -> None:
        # Not below pytest's folders: every run that begins shuts those to other users, and the server is one.
        self.folder = Path(tempfile.mkdtemp(prefix="hotline-postgres-"))
        self._numbers = itertools.count(1)
        self._as_other = os.getuid() == 0  # the server refuses to run as root

    def __enter__(self) -> Self:
        if self._as_other:
            owner = pwd.getpwnam("nobody")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run(
            "initdb", "-D", self._data, "-U", "hotline", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"
        )
        self.start()
        return self

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=200"
        self._run("pg_ctl", "-D", self._data, "-w", "-o", options, "-l", f"{self.folder}/log", "start")

    def stop(self) -> None:
        """As a machine that loses its power."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        yield
        self.start()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It answers nothing and refuses nothing, as a machine that is out of memory or a network that swallows all."""
        main = int(Path(self._data, "postmaster.pid").read_text().split()[0])
        processes = [
            main,
            *(int(one) for one in Path(f"/proc/{main}/task/{main}/children").read_text().split()),
        ]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """The SQLAlchemy address of a new, empty database."""
        name = f"test{next(self._numbers)}"
        self._sql(f"CREATE DATABASE {name}")
        return f"postgresql+asyncpg://hotline@/{name}?host={self.folder}"

    def _sql(self, statement: str) -> None:
        self._run("psql", "-h", str(self.folder), "-U", "hotline", "-d", "postgres", "-qc", statement)

    @property
    def _data(self) -> str:
        return f"{self.folder}/data"

    def _run(self, name: str, *arguments: str) -> None:
        extra = {"user": "nobody", "group": "nogroup", "extra_groups": []} if self._as_other else {}
        done = subprocess.run(
            [_binary(name), *arguments], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            cwd=self.folder, **extra,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr}")
