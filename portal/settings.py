"""What the composition root hands to the public side."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PortalSettings:
    """Limits are per minute unless their name says otherwise; far above what a person does."""

    region: str = ""
    """Code of the region whose units are asked; empty: the first prefecture."""
    secret: bytes = field(default=b"", repr=False)
    """Signs forms and challenges; the same in every process of one hotline."""
    public_url: str = ""
    """How citizens reach the portal, such as https://96128.example.gov.cn: for QR codes and share cards."""
    address_requests: int = 120
    """Searches, look-ups and forms of one network address."""
    key_requests: int = 6_000
    """Requests with one channel key."""
    code_requests: int = 30
    """Look-ups of one query code, from wherever they come."""
    questions_an_hour: int = 6
    """Questions and complaints of one address before each further one asks for a small sum."""
    all_questions_a_minute: int = 60
    """Questions and complaints of everybody together before each further one asks for a small sum."""
    embed_origins: tuple[str, ...] = ()
    """Sites that may frame `/embed` (M-107), such as https://www.example.gov.cn."""
