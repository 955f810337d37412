"""Secrets (密钥): given in the settings, read from a file (`file:/path`), or generated into `<data_dir>/secrets`.

A generated secret has mode 0600 and stays; deleting the query codes' key kills every code issued so far.
"""

import os
import secrets
from pathlib import Path

FROM_FILE = "file:"
ADDRESS = "file://"
"""Begins the address of a folder, which is no reference to a file."""
UNSET = b"generated at first use"


def kept(file: Path) -> str:
    """The secret in this file, made at first use; two processes that start together agree on one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    if not file.exists():
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_hex(32))
        try:
            os.link(part, file)
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return file.read_text(encoding="ascii").strip()
