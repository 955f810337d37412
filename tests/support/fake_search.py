"""A knowledge base of three entries with the same methods as `kb.searching.search.Searcher`."""

from dataclasses import dataclass, field
from typing import Any

from core.errors import NotFound


@dataclass(frozen=True)
class FakeHit:
    id: int
    title: str
    snippet: str
    unit: str
    valid: bool = True
    public: bool = True
    source: str = "own"
    valid_to: str | None = None
    title_marks: tuple[tuple[int, int], ...] = ()
    snippet_marks: tuple[tuple[int, int], ...] = ()


EXPIRED = 2
ENTRIES = {
    1: (
        "怎样办理社会保障卡",
        "携带本人身份证到参保地社保经办机构或合作银行网点办理，二十个工作日内领取。",
        "人力资源和社会保障局",
    ),
    2: (
        "社会保障卡丢失怎样挂失",
        "先拨打12333口头挂失，再持身份证到服务网点办理正式挂失和补卡。",
        "人力资源和社会保障局",
    ),
    3: ("居住证办理需要哪些材料", "居住证申领表、本人身份证、居住地住址证明或就业、就读证明。", "公安局"),
}


@dataclass
class FakeSearcher:
    chosen_entries: list[tuple[str, int, int]] = field(default_factory=list)
    missing: list[tuple[str, int | None]] = field(default_factory=list)

    async def search(self, q: str, limit: int = 10, **_: Any) -> list[FakeHit]:
        hits = [
            FakeHit(key, title, answer[:60], unit, key != EXPIRED)
            for key, (title, answer, unit) in ENTRIES.items()
        ]
        return [hit for hit in hits if q in hit.title][:limit]

    async def entry(self, entry_id: int, **_: Any) -> dict[str, Any]:
        if entry_id not in ENTRIES:
            raise NotFound
        title, answer, unit = ENTRIES[entry_id]
        return {
            "id": entry_id,
            "title": title,
            "answer": answer,
            "unit": unit,
            "valid": entry_id != EXPIRED,
            "public": True,
        }

    async def chosen(self, query: str, entry_id: int, user_id: int, **_: Any) -> None:
        self.chosen_entries.append((query, entry_id, user_id))

    async def not_found(self, query: str, user_id: int | None) -> None:
        self.missing.append((query, user_id))
