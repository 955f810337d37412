"""Fetching an exchange file from another system's address (信息源, M-64): whole or not at all, limited in size and time."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from kb.errors import FileUnreadable

LARGEST_MB = 500
TIMEOUT_S = 600
_CHUNK = 1 << 16
_SUFFIXES = {
    "application/json": ".json",
    "text/csv": ".csv",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


def is_address(text: str) -> bool:
    return bool(host_of(text))


def host_of(text: str) -> str:
    """The host of an http(s) address; empty for anything else."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in {"http", "https"} else ""


def key_in(file: Path | None) -> str:
    """The key that the other system gave us, from a file; raises FileUnreadable."""
    try:
        return file.read_text(encoding="utf-8").strip() if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(name=str(file), reason="文件不存在或没有读取权限") from error


@asynccontextmanager
async def fetched(address: str, key: str = "") -> AsyncIterator[Path]:
    """The file behind an http(s) address for as long as the block runs; raises FileUnreadable in Chinese.

    `key` is shown to the other system as a bearer token.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else None
    with tempfile.TemporaryDirectory(prefix="hotline-feed-") as folder:
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=TIMEOUT_S)) as client,
                client.get(address, headers=headers) as answer,
            ):
                if answer.status != 200:
                    raise FileUnreadable(name=address, reason=f"对方返回 {answer.status}")
                path = Path(folder) / f"{urlsplit(address).hostname}{_suffix(address, answer.content_type)}"
                await _save(answer, path, address)
        except (ClientError, TimeoutError) as error:
            raise FileUnreadable(name=address, reason="无法取得，请核对地址和网络") from error
        yield path


def _suffix(address: str, content_type: str) -> str:
    """The ending that says which form the file has: the address's own, else by the content type."""
    own = PurePosixPath(urlsplit(address).path).suffix.lower()
    return own if own in _SUFFIXES.values() else _SUFFIXES.get(content_type, ".json")


async def _save(answer: ClientResponse, path: Path, address: str) -> None:
    size = 0
    with path.open("wb") as file:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            if (size := size + len(chunk)) > LARGEST_MB << 20:
                raise FileUnreadable(name=address, reason=f"超过 {LARGEST_MB} MB")
            file.write(chunk)
