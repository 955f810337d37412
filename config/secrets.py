"""Secrets (密钥): given in the settings, read from a file (`file:/path`), or generated into `<data_dir>/secrets`.

A generated secret has mode 0600 and stays; deleting the query codes' key kills every code issued so far.
"""

import hmac
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.settings import Settings

FROM_FILE = "file:"
ADDRESS = "file://"
"""Begins the address of a folder, which is no reference to a file."""
UNSET = b"generated at first use"


def provide_secrets(settings: "Settings") -> "Settings":
    """The settings with every secret in place."""
    code, ami = settings.tickets.code_secret, settings.asterisk.ami_secret
    if code == UNSET:
        code = kept(settings.secrets_dir / "query_code").encode()
    if settings.asterisk.mode == "embedded":
        ami = ami or kept(settings.secrets_dir / "ami")
    return replace(
        settings,
        tickets=replace(settings.tickets, code_secret=code),
        portal=replace(settings.portal, secret=hmac.digest(code, b"portal forms", "sha256")),
        asterisk=replace(settings.asterisk, ami_secret=ami),
    )


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
