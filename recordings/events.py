"""News of this room on the bus."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RecordingStored:
    """Audio reached the archive and can be heard."""

    recording_id: int
    call_id: int | None
