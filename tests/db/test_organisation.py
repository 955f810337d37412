"""Importing regions and units from a file."""

from pathlib import Path

import pytest
from sqlalchemy import select

from config.organisation import OrganisationInvalid, read, take_in
from core.db import Database
from core.units import Region, ServicePhone, Unit

DEMO = Path(__file__).parents[2] / "config" / "demo.toml"


async def test_importing_twice_is_importing_once(db: Database):
    """The same file again changes nothing; a changed name is taken over."""
    data = read(DEMO)
    for _ in range(2):
        async with db.unit_of_work() as session:
            await take_in(session, data)
    data["unit"][0]["name"] = "改名后的政府办"
    async with db.unit_of_work() as session:
        counts = await take_in(session, data)
    async with db.reading() as session:
        units = (await session.scalars(select(Unit))).all()
        regions = (await session.scalars(select(Region))).all()
        phones = (await session.scalars(select(ServicePhone))).all()
    assert counts == (len(regions), len(units))
    assert "改名后的政府办" in {unit.name for unit in units}
    assert len(phones) == sum(len(row.get("phones", ())) for row in data["unit"])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"region": "5399", "code": "12", "name": "某局"}, "三位数字"),
        ({"region": "9999", "code": "101", "name": "某局"}, "没有的代码"),
        ({"region": "5399", "code": "101"}, "缺少 name"),
    ],
)
async def test_a_wrong_row_is_named_and_nothing_is_stored(db: Database, row: dict[str, str], words: str):
    """The sentence names the row and what is expected; no region stays behind."""
    data = {"region": [{"code": "5399", "name": "某州", "level": "prefecture"}], "unit": [row]}
    with pytest.raises(OrganisationInvalid, match=words) as refused:
        async with db.unit_of_work() as session:
            await take_in(session, data)
    assert "第 1 个单位" in refused.value.message
    async with db.reading() as session:
        assert (await session.scalars(select(Region))).all() == []


def test_a_file_that_is_none_is_refused(tmp_path: Path):
    """Something else than TOML is a sentence, not a traceback."""
    file = tmp_path / "units.toml"
    file.write_bytes(b"\x00\xff not toml")
    with pytest.raises(OrganisationInvalid, match="无法读取"):
        read(file)
