"""The directory from files: XLSX, CSV and TOML; what a wrong file is told; nothing half-done; changes taken back."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select
from support.tickets import City, build_city

from core.accounts import By
from core.audit import AuditRow
from core.db import Database
from core.errors import Conflict
from core.history import Change
from core.lines import connected_lines
from core.organisation.files import GUIDE, from_tables, read_file
from core.organisation.plan import OrganisationInvalid, Plan, make_plan
from core.organisation.store import DirectoryChanged, apply_step, carry_out, snapshot, undoing
from core.organisation.template import template
from core.sheet_reader import MOST_ROWS, SheetUnreadable
from core.units import Region, SubjectUnit, Unit, UnitKind

CONFIG = Path(__file__).parents[2] / "config"
DEMO, SAMPLE = CONFIG / "demo.toml", CONFIG / "organisation.example.toml"
BY = By("admin", "127.0.0.1", "admin")


@pytest.fixture
async def city(db: Database) -> City:
    return await build_city(db)


async def plan_of(db: Database, name: str, data: bytes) -> Plan:
    content = read_file(name, data)
    async with db.reading() as session:
        return make_plan(await snapshot(session), content.rows, content.faults)


async def take_in(city: City, name: str, data: bytes) -> Plan:
    plan = await plan_of(city.db, name, data)
    async with city.db.unit_of_work() as session:
        await carry_out(session, city.clock, BY, plan)
    return plan


def book(**sheets: list[list[Any]]) -> bytes:
    made = Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def csv(*lines: str) -> bytes:
    return "\r\n".join(lines).encode("gb18030")


async def test_importing_twice_is_importing_once(city: City):
    """The same file again changes nothing; a changed name is the one difference, and the audit log says it."""
    first = await take_in(city, "demo.toml", DEMO.read_bytes())
    again = await take_in(city, "demo.toml", DEMO.read_bytes())
    renamed = DEMO.read_text().replace("示范州人民政府办公室", "改名后的政府办")
    plan = await take_in(city, "demo.toml", renamed.encode())
    assert (again.steps, again.unchanged) == ([], len(first.steps))
    assert [step.differences for step in plan.steps] == [[("名称", "示范州人民政府办公室", "改名后的政府办")]]
    async with city.db.reading() as session:
        assert await session.scalar(select(Unit.name).where(Unit.name == "改名后的政府办"))
        said = await session.scalars(select(AuditRow.reason).where(AuditRow.action == "unit.change"))
        assert said.one() == "名称：示范州人民政府办公室 → 改名后的政府办"


async def test_a_filled_template_comes_back_without_a_difference(city: City):
    """What the template is filled with is what is on record: it can be edited in a spreadsheet and imported."""
    await take_in(city, "demo.toml", DEMO.read_bytes())
    async with city.db.reading() as session:
        filled = template(await snapshot(session))
    plan = await plan_of(city.db, "机构.xlsx", filled)
    assert (plan.faults, plan.steps) == ([], [])
    assert plan.unchanged > 20


async def test_a_workbook_brings_a_county_with_all_it_has(city: City):
    """Sheets in any order, Chinese choices, references between new rows; announced once committed."""
    heard: list[DirectoryChanged] = []
    city.db.bus.subscribe(DirectoryChanged, heard.append)
    data = book(
        办事场所=[["地区代码", "名称", "类别", "进驻单位", "受理事项"], ["539902", "县大厅", "政务服务大厅", "539902/201", "社保登记、医保"]],
        专线=[["号码", "名称", "地区代码", "同时通话数"], ["087296128", "某县专线", 539902, 4]],
        联络员=[["单位", "用户名", "请假"], ["539902/201", "liaison_b", "2026-12-01~2026-12-05"]],
        单位=[["地区代码", "部门代码", "名称", "类别", "主管单位", "服务电话", "负责主题"], ["539902", "202", "某县执法队", "委托执法单位", "539902/201", "", ""], ["539902", 201, "某县人社局", "行政机关", "", "01002101101、01002101102", "社会保障"]],
        地区=[["地区代码", "名称", "级别", "上级代码"], ["53990201", "某镇", "乡镇", "539902"], ["539902", "某县", "县区", "city"]],
    )  # fmt: skip
    plan = await take_in(city, "某县.xlsx", data)
    assert (plan.faults, len(plan.steps)) == ([], 7)
    assert {kind for event in heard for kind in event.kinds} == {"region", "unit", "liaison", "line", "place"}
    async with city.db.reading() as session:
        rows = (await snapshot(session)).rows
    assert rows["unit"]["539902/202"]["supervising"] == "539902/201"
    assert rows["unit"]["539902/201"]["phones"] == ["01002101101", "01002101102"]
    assert rows["liaison"]["539902/201/liaison_b"]["leaves"] == ["2026-12-01~2026-12-05"]
    assert rows["place"]["539902/县大厅"]["services"] == ["医保", "社保登记"]
    assert rows["line"]["087296128"]["capacity"] == 4


UNITS = "地区代码,部门代码,名称,职能,主管单位,负责主题,服务电话"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([UNITS, "city,12,某局,,,,"], "第 2 行“部门代码”（B 列）：“12”不对，应为三位数字"),
        ([UNITS, "city,201,某局,,,,", "nowhere,201,某局,,,,"], "第 3 行“地区代码”（A 列）：没有代码为“nowhere”的地区"),
        ([UNITS, "city,201,,,,,"], "第 2 行“名称”（C 列）：不能为空"),
        ([UNITS, "city,201,某局,,,,", "city,201,又一局,,,,"], "第 3 行：与第 2 行重复（city/201）"),
        ([UNITS, "city,201,某局,政府办,,,"], "第 2 行“职能”（D 列）：本地区已有政府办“office局”"),
        ([UNITS, "city,201,某局,大办,,,"], "应为部门、政府办、监察、呼叫中心之一"),
        ([UNITS, "city,201,某局,,city/202,,", "city,202,又一局,,city/201,,"], "主管单位不能是自己或自己所主管的单位"),
        ([UNITS, "city,201,甲,,,教育,", "city,202,乙,,,教育,"], "主题“教育”已由"),
        ([UNITS, "city,201,甲,,,,1380000x"], "第 2 行“服务电话”（G 列）：“1380000x”不对"),
        (["地区代码,部门代码,名字", "city,201,甲"], "第 1 行：缺少“名称”列"),
        ([UNITS + ",颜色", "city,201,某局,,,,,红"], "第 1 行 H 列：不认识的列“颜色”"),
        (["天气,温度", "晴,20"], "列名不是地区、单位、联络员、专线、办事场所中任何一种"),
        (["地区代码,名称,级别,上级代码", "p1,甲,县区,p2", "p2,乙,市州,p1"], "上下级成了循环"),
        (["地区代码,名称,级别,上级代码", "p1,甲,县区,", "p2,乙,市州,p1"], "级别应高于本地区"),
        (["单位,用户名", "city/101,nobody"], "没有启用的账号“nobody”"),
        (["单位,用户名", "city/101,operator"], "没有联络员角色"),
        (["单位,用户名,请假", "city/101,liaison_a,2026-12-05~2026-12-01"], "结束早于开始"),
        (["单位,用户名,值守时间", "city/101,liaison_a,12:00-08:00"], "开始早于结束"),
        (["号码,名称,地区代码", "96-128,专线,city"], "第 2 行“号码”（A 列）"),
    ],
)  # fmt: skip
async def test_a_wrong_cell_is_named_by_row_and_column_and_nothing_is_stored(
    city: City, lines: list[str], words: str
):
    """M-03, M-08: the sentence says where and what is expected; the right rows of the file are not taken in either."""
    async with city.db.reading() as session:
        before = await snapshot(session)
    plan = await plan_of(city.db, "机构.csv", csv(*lines))
    assert words in "\n".join(plan.faults)
    with pytest.raises(OrganisationInvalid, match="没有导入任何内容"):
        async with city.db.unit_of_work() as session:
            await carry_out(session, city.clock, BY, plan)
    async with city.db.reading() as session:
        assert (await snapshot(session)).rows == before.rows
        assert await session.scalar(select(func.count()).select_from(Change)) == 0


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.xlsx", b"", "文件是空的"),
        ("a.xlsx", b"PK\x03\x04 but no zip", "不是完整的 Excel 工作簿"),
        ("a.xlsx", b"<html>not found</html>", "不是 XLSX 工作簿"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "不是 XLSX 工作簿或 CSV 文本"),
        ("a.csv", b"\xff\xff\xff\xff", "文字编码"),
        ("a.csv", b'name,"never closed', "不是规范的 CSV"),
        ("a.toml", b"\x00\xff not toml", "不是规范的 TOML"),
        ("a.csv", b"a\n" * (MOST_ROWS + 2), "超过"),
    ],
)
def test_a_file_that_is_none_is_refused(name: str, data: bytes, words: str):
    """Something else than a spreadsheet is one sentence, not a traceback."""
    with pytest.raises(SheetUnreadable, match=words):
        read_file(name, data)


def test_a_file_that_unpacks_to_gigabytes_is_not_unpacked():
    """A small zip of a huge part is refused by what it says of itself."""
    import zipfile

    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", b" " * (65 * 1024 * 1024))
    with pytest.raises(SheetUnreadable, match="展开后太大"):
        read_file("bomb.xlsx", out.getvalue())


def test_the_empty_template_explains_and_offers_choices():
    """Every table has a sheet with its headings and drop-down choices; the guide comes first."""
    made = load_workbook(BytesIO(template()))
    assert made.sheetnames == [GUIDE, "地区", "单位", "联络员", "专线", "办事场所"]
    rules = made["单位"].data_validations.dataValidation
    assert any("委托执法单位" in rule.formula1 for rule in rules)
    assert read_file("模板.xlsx", template()).rows == []


async def test_a_change_can_be_taken_back_once_and_only_while_nobody_went_on(city: City):
    """Undo writes what was before; a second time, or after another change, it is refused."""
    row = {"region": "city", "code": "101", "name": "新名"}
    for name in ("新名", "更新的名"):
        async with city.db.unit_of_work() as session:
            plan = make_plan(await snapshot(session), from_tables({"unit": [row | {"name": name}]}).rows)
            await carry_out(session, city.clock, BY, plan)
    async with city.db.unit_of_work() as session:
        older, newer = (await session.scalars(select(Change).order_by(Change.id))).all()
        current = (await snapshot(session)).rows["unit"]["city/101"]
        with pytest.raises(Conflict):
            undoing(older, current)
        await apply_step(session, city.clock, BY, undoing(newer, current))
        newer.undone_at = city.clock.now()
        with pytest.raises(Conflict):
            undoing(newer, newer.before)
    async with city.db.reading() as session:
        assert (await snapshot(session)).rows["unit"]["city/101"]["name"] == "新名"


async def test_the_sample_brings_sixteen_lines_each_with_its_region(city: City):
    """M-04: sixteen numbers at once from data, each answered by another region with units of all three kinds."""
    await take_in(city, SAMPLE.name, SAMPLE.read_bytes())
    async with city.db.reading() as session:
        lines = await connected_lines(session)
        kinds = set(await session.scalars(select(Unit.kind).where(Unit.name.startswith("样例"))))
    assert len({line.region.code for line in lines}) == len(lines) == 16
    assert kinds == set(UnitKind)


async def test_subjects_and_regions_follow_the_file(city: City):
    """A subject can pass from one unit to another in one file; a region moves below another."""
    await take_in(city, "a.csv", csv(UNITS, "city,101,甲,,,教育,"))
    await take_in(city, "a.csv", csv(UNITS, "city,102,乙,,,教育,", "city,101,甲,,,,"))
    await take_in(city, "a.csv", csv("地区代码,名称,级别,上级代码", "county,某县,县区,neighbour"))
    async with city.db.reading() as session:
        assert await session.scalar(select(SubjectUnit.unit_id)) == city.units["b"]
        moved = await session.get_one(Region, city.regions["county"])
        assert moved.parent_id == city.regions["neighbour"]
