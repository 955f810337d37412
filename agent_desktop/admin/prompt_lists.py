"""What of the prompts somebody may see and change (提示音的范围, §5.9 「IVR texts」: 政府办 proposes, supervisors and administrators edit).

A prompt may be said differently on one line. The administrator keeps all; a supervisor the lines of the region and below, and
what all lines say where no line is outside it; an office proposes for the lines of its region, and for all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.admin.reach import Reach
from core.lines import Line, every_line
from core.people import Role
from core.units import Region, regions_below
from ivr.models import PromptVersion
from ivr.speech.prompt_catalogue import Catalogue, Edit, Prompt
from ivr.speech.studio import Studio

ALL = ""
"""The scope of what every line says."""
GROUPS = {"flow": "菜单与流程", "values": "数字、日期和时间", "practice": "练习来电", "": "全部"}
_VALUES = ("数字", "号码中", "两百", "日期", "时间", "工作时段", "SayNumber")
InForce = Mapping[tuple[str, str], PromptVersion]


@dataclass(frozen=True)
class Scopes:
    """The lines that somebody sees, and where they may put a text in force."""

    lines: Mapping[str, str]
    """Name by number."""
    editable: frozenset[str]

    def name(self, line: str) -> str:
        return f"{self.lines.get(line) or ''}（{line}）" if line else "全部专线"


@dataclass(frozen=True)
class Row:
    """One prompt as a line has it."""

    prompt: Prompt
    version: PromptVersion | None
    """The one in force where it is not the file's."""
    is_own: bool
    """The line says it differently from the others."""
    fault: str


async def scopes_of(session: AsyncSession, reach: Reach) -> Scopes:
    lines = await every_line(session)
    is_admin = Role.ADMIN in reach.roles
    below = frozenset(
        await session.scalars(select(Region.id).where(Region.id.in_(regions_below(reach.region_id))))
    )
    seen = [line for line in lines if is_admin or _sees(reach, line, below)]
    editable = {line.number for line in seen if is_admin or _edits(reach, line, below)}
    if is_admin or (Role.SUPERVISOR in reach.roles and len(editable) == len(lines)):
        editable.add(ALL)
    return Scopes({line.number: line.name for line in seen}, frozenset(editable))


def _sees(reach: Reach, line: Line, below: frozenset[int]) -> bool:
    return _edits(reach, line, below) or (Role.OFFICE in reach.roles and line.region_id == reach.region_id)


def _edits(reach: Reach, line: Line, below: frozenset[int]) -> bool:
    return Role.SUPERVISOR in reach.roles and line.region_id in below


def rows(studio: Studio, versions: InForce, line: str, group: str, words: str) -> Iterator[Row]:
    """The prompts of a group that a line says, those that hold `words`, in the order of a call."""
    for prompt in studio.catalogue:
        if not prompt.is_speech or (group and group_of(prompt) != group):
            continue
        row = row_of(studio, versions, prompt, line)
        if words in f"{prompt.id} {row.prompt.text} {prompt.text} {prompt.used_in}":
            yield row


def row_of(studio: Studio, versions: InForce, shipped: Prompt, line: str) -> Row:
    own = versions.get((shipped.id, line)) if line else None
    own = own if own and not own.is_default else None
    everywhere = versions.get((shipped.id, ALL))
    version = own or (everywhere if everywhere and not everywhere.is_default else None)
    if version is None:
        return Row(shipped, None, is_own=False, fault="")
    edit = Edit(shipped.id, version.line, version.text)
    prompt = studio.catalogue.with_edit(edit)
    return Row(prompt, version, is_own=own is not None, fault=studio.faults(edit))


def group_of(prompt: Prompt) -> str:
    if prompt.used_in.startswith("练习"):
        return "practice"
    return "values" if prompt.used_in.startswith(_VALUES) else "flow"


def prompt_in(catalogue: Catalogue, prompt_id: str) -> Prompt | None:
    """One that speaks: tones and silences have no text."""
    prompt = catalogue.prompts.get(prompt_id)
    return prompt if prompt and prompt.is_speech else None
