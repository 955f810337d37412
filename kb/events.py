"""What the knowledge base tells upward and to its own index, after the commit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EntriesChanged:
    """These entries, or what the index keeps of them, are new, different or gone."""

    entry_ids: tuple[int, ...]
    is_said: bool = True
    """False: only how they are found has changed, not what anybody is told"""


@dataclass(frozen=True)
class SynonymsChanged:
    """An editor changed the list of synonyms."""
