"""The place where recordings are kept for good (录音存储): a bucket of an S3-compatible store, or a shared folder (M-60).

Knows names and bytes, nothing of audio, keys or rows. What is written is there whole or not at all. Everything blocks;
callers run it in a thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from recordings.settings import RecordingSettings

_PROBE = ".reachable"


class DepotAway(OSError):
    """It cannot be reached, or refuses us; what was to be kept there waits where it is."""


class Depot:
    def __init__(self, settings: RecordingSettings) -> None:
        self.address = settings.depot
        with _reaching():
            self._store = _open(settings)

    def put(self, path: str, content: bytes) -> None:
        """Raises DepotAway."""
        with _reaching():
            self._store.put(path, content)

    def get(self, path: str) -> bytes:
        """Raises FileNotFoundError, DepotAway."""
        with _reaching():
            return bytes(self._store.get(path).bytes())

    def remove(self, path: str) -> bool:
        """Whether it was there. Raises DepotAway."""
        with _reaching():
            try:
                self._store.head(path)
            except FileNotFoundError:
                return False
            self._store.delete(path)
        return True

    def try_out(self) -> None:
        """Write, read and remove something small. Raises DepotAway."""
        self.put(_PROBE, b"96128")
        self.get(_PROBE)
        self.remove(_PROBE)


@lru_cache
def depot_of(settings: RecordingSettings) -> Depot | None:
    """None where recordings stay in the archive's own folder. Raises DepotAway when a shared folder is not mounted."""
    return Depot(settings) if settings.depot else None


def _open(settings: RecordingSettings) -> S3Store | LocalStore:
    place = urlsplit(settings.depot)
    if place.scheme == "file":
        return LocalStore(prefix=place.path)
    given = {
        "endpoint": settings.depot_endpoint,
        "region": settings.depot_region,
        "access_key_id": settings.depot_access_key,
        "secret_access_key": settings.depot_secret_key,
    }
    return S3Store(
        place.netloc,
        prefix=place.path.strip("/") or None,
        client_options={
            "allow_http": settings.depot_endpoint.startswith("http:"),
            "connect_timeout": timedelta(seconds=3),
            "timeout": timedelta(seconds=20),
        },
        retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=10)},
        **{name: value for name, value in given.items() if value},  # type: ignore[arg-type]
    )


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise DepotAway(_first_line(error)) from error
        raise
    except (BaseError, OSError) as error:
        raise DepotAway(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
