"""What this room needs to be told; composed and validated in `config`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RecordingSettings:
    archive_dir: Path = Path("var/recordings")
    """Where the audio is written, below yyyy/mm/dd, and kept unless there is a depot; outside the web root."""
    keyring: Path = Path("var/secrets/recording_keys.json")
    """The keys that open the archive; made at first use. Keep a copy apart from the recordings."""
    spool_dir: Path = Path("var/asterisk/spool")
    """Where Asterisk writes: talk/, consult/ and message/."""
    settle_ms: int = 300
    """A file whose size stays the same for this long is finished; 0 does not wait."""
    leftover_s: int = 10
    """The sweep leaves files alone that changed within this time."""
    keep_talk_days: int = 365
    """Talks and consultations; a voicemail is kept as long as its ticket (mission §5.10)."""
    keep_complaint_days: int = 730
    """Whatever belongs to a complaint or to accountability, counted from the closing."""
    least_free_mb: int = 1024
    """Less room than this on the disk raises the alarm; 1 GB is some thirty hours of talk as it is kept."""
    operator_days: int = 7
    """How long an operator may hear the own calls (mission §5.9)."""
    depot: str = ""
    """Where it is moved to: `s3://bucket/prefix` or `file:///folder`; empty: nowhere."""
    depot_endpoint: str = ""
    """Address of the S3-compatible service; empty: Amazon's."""
    depot_region: str = "us-east-1"
    depot_access_key: str = ""
    depot_secret_key: str = ""
