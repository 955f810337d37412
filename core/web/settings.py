"""How the web side listens and how long a sign-in lasts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HttpSettings:
    host: str = "127.0.0.1"
    port: int = 9612
    secure_cookies: bool = False
    """True behind HTTPS: cookies are then never sent in the clear."""
    session_hours: int = 12
    """A sign-in ends after this, however busy the person is."""
    idle_minutes: int = 60
    """A sign-in ends after this without a request or an open live page."""
    max_body_kb: int = 256
    """Largest form or JSON body; more is refused whole with 413."""
    login_failures: int = 5
    lockout_minutes: int = 15
    address_failures: int = 30
    """Failed logins from one address within `lockout_minutes` before that address has to wait."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For is believed."""
    hotline_number: str = "96128"
    site_name: str = "96128政务信息查询专线"
