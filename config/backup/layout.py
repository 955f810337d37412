"""What a backup (备份) holds and where it belongs: one tar that knows nothing of the database's engine.

`db/<table>.jsonl` has a table's rows, `secrets/` and `files/…` the folders below; `manifest.json` comes last, so that a tar
that was cut short has none.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from core.errors import HotlineError

FORMAT = "96128-backup-1"
MANIFEST = "manifest.json"
CHUNK_BYTES = 1 << 20


class BackupRefused(HotlineError):
    """No backup was made; `reason` is a Chinese sentence."""

    code = "backup_refused"
    status = 409
    text = "没有备份：{reason}"


class RestoreRefused(HotlineError):
    """Nothing was restored and nothing changed; `reason` is a Chinese sentence."""

    code = "restore_refused"
    status = 409
    text = "没有恢复，未作任何改动：{reason}"


@dataclass(frozen=True)
class Manifest:
    """What the tar must hold, to the byte."""

    format: str
    revision: str
    """Of the database's structure."""
    made_at: str
    """ISO 8601, UTC."""
    rows: Mapping[str, int]
    """Rows by table."""
    sha256: Mapping[str, str]
    """Hex digest by member, the manifest itself left out."""
    query_code_key: str
    """Fingerprint of the query codes' key (§5.5): says whether the codes given out still open after a restore."""


def folders(settings: Settings) -> dict[str, Path]:
    """The folders that are kept, by their prefix in the tar."""
    return {
        "secrets": settings.secrets_dir,
        "files/recordings": settings.recordings.archive_dir,
        "files/attachments": settings.attachments.folder,
        "files/kb": settings.kb_files,
        "files/prompts": settings.prompts.overrides_dir,
    }


def table_member(table: str) -> str:
    return f"db/{table}.jsonl"


def fingerprint(code_secret: bytes) -> str:
    """Tells two keys apart without giving one away."""
    return hmac.digest(code_secret, b"backup", hashlib.sha256).hex()
