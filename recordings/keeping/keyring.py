"""The keys of the archive (录音密钥): every file has a key of its own, kept wrapped under the keyring's current key.

A change of keys (轮换) wraps the small file keys anew and never touches a file. The keyring is one file of mode 0600
outside the archive: a stolen disk of recordings is noise without it, and a lost keyring loses every recording.
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recordings.errors import KeyMissing, RecordingDamaged

NONCE_BYTES = 12
_KEY_BITS = 256


@dataclass(frozen=True)
class FileKey:
    """One file's own key, in the clear and as it is stored."""

    key: bytes
    wrapped: bytes
    wrapped_by: str
    """Name of the keyring's key that wraps it."""


def seal(key: bytes, data: bytes, name: str) -> bytes:
    """`data` encrypted and bound to `name`: under another name it does not open."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, name.encode())


def unseal(key: bytes, data: bytes, name: str) -> bytes:
    """The content of what `seal` made; raises RecordingDamaged when a single bit of it, or its name, was changed."""
    try:
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError) as error:
        raise RecordingDamaged from error


class Keyring:
    """The keys in `file`, made at first use; read anew at each use, because a rotation may have changed it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def new_file_key(self) -> FileKey:
        key, (current, keys) = AESGCM.generate_key(_KEY_BITS), self._read()
        return FileKey(key, seal(keys[current], key, current), current)

    def file_key(self, wrapped: bytes, wrapped_by: str) -> bytes:
        """The file's own key; raises KeyMissing when the keyring no longer has the key that wraps it."""
        _, keys = self._read()
        if wrapped_by not in keys:
            raise KeyMissing(key=wrapped_by)
        return unseal(keys[wrapped_by], wrapped, wrapped_by)

    def rewrap(self, wrapped: bytes, wrapped_by: str) -> FileKey:
        """The same file key under the current key."""
        key, (current, keys) = self.file_key(wrapped, wrapped_by), self._read()
        return FileKey(key, seal(keys[current], key, current), current)

    def add_key(self) -> str:
        """A new current key; the old ones stay for what they wrap. Gives its name."""
        _, keys = self._read()
        name = f"k{max(int(known[1:]) for known in keys) + 1}"
        self._write(name, {**keys, name: AESGCM.generate_key(_KEY_BITS)})
        return name

    def keep_only_current(self) -> None:
        """Forget every other key; only when nothing is wrapped by them any more."""
        current, keys = self._read()
        self._write(current, {current: keys[current]})

    @property
    def current(self) -> str:
        return self._read()[0]

    def _read(self) -> tuple[str, dict[str, bytes]]:
        if not self._file.exists():
            self._create()
        content = json.loads(self._file.read_text(encoding="ascii"))
        return content["current"], {name: bytes.fromhex(key) for name, key in content["keys"].items()}

    def _create(self) -> None:
        part = self._part("k1", {"k1": AESGCM.generate_key(_KEY_BITS)})
        try:
            os.link(part, self._file)  # two processes that start together agree on one
        except FileExistsError:
            pass
        finally:
            part.unlink()

    def _write(self, current: str, keys: dict[str, bytes]) -> None:
        self._part(current, keys).replace(self._file)

    def _part(self, current: str, keys: dict[str, bytes]) -> Path:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self._file.with_name(f"{self._file.name}.{secrets.token_hex(4)}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            json.dump({"current": current, "keys": {name: key.hex() for name, key in keys.items()}}, handle)
            handle.flush()
            os.fsync(handle.fileno())
        return part
