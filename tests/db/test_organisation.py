"""The directory from files: XLSX, CSV and TOML; what a wrong file is told; nothing half-done; changes taken back."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select
from support.tickets import City

from core.accounts import By, Details, RolesExclude, change_user, find_user
from core.audit import AuditRow
from core.db import Database
from core.errors import Conflict
from core.history import Change
from core.lines import connected_lines
from core.organisation.files import GUIDE, from_tables, read_file
from core.organisation.people import first_passwords
from core.organisation.plan import OrganisationInvalid, Plan, make_plan
from core.organisation.store import DirectoryChanged, apply_step, carry_out, snapshot, undoing
from core.organisation.template import template
from core.people import Role, password_matches
from core.sheet_reader import MOST_ROWS, SheetUnreadable
from core.units import Region, SubjectUnit, Unit, UnitKind
from tickets.bodies import supervision_of
from tickets.recipients import Audience, Directory

CONFIG = Path(__file__).parents[2] / "config"
DEMO, SAMPLE = CONFIG / "demo/demo.toml", CONFIG / "organisation.example.toml"
BY = By("admin", "127.0.0.1", "admin")


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
        ([UNITS, "city,201,某局,大办,,,"], "应为部门、政府办、监察、呼叫中心、市长热线之一"),
        ([UNITS, "city,201,某局,,city/202,,", "city,202,又一局,,city/201,,"], "主管单位不能是自己或自己所主管的单位"),
        ([UNITS, "city,201,甲,,,教育,", "city,202,乙,,,教育,"], "主题“教育”已由"),
        ([UNITS, "city,201,甲,,,,1380000x"], "第 2 行“服务电话”（G 列）：“1380000x”不对"),
        (["地区代码,部门代码,名字", "city,201,甲"], "第 1 行：缺少“名称”列"),
        ([UNITS + ",颜色", "city,201,某局,,,,,红"], "第 1 行 H 列：不认识的列“颜色”"),
        (["天气,温度", "晴,20"], "列名不是地区、单位、人员、联络员、专线、办事场所中任何一种"),
        (["地区代码,名称,级别,上级代码", "p1,甲,县区,p2", "p2,乙,市州,p1"], "上下级成了循环"),
        (["地区代码,名称,级别,上级代码", "p1,甲,县区,", "p2,乙,市州,p1"], "级别应高于本地区"),
        (["单位,用户名", "city/101,nobody"], "没有启用的账号“nobody”"),
        (["单位,用户名", "city/101,operator"], "没有联络员、单位负责人或政府办角色"),
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
    assert made.sheetnames == [GUIDE, "地区", "单位", "人员", "联络员", "专线", "办事场所"]
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


PEOPLE = "用户名,姓名,角色,单位,地区代码,工号,分机,启用"


async def with_people(city: City, *lines: str) -> tuple[Plan, dict[str, str]]:
    """A 人员 sheet taken in; the first passwords by username."""
    plan = await plan_of(city.db, "人员.csv", csv(PEOPLE, *lines))
    passwords = await first_passwords(plan.new_accounts)
    async with city.db.unit_of_work() as session:
        await carry_out(session, city.clock, BY, plan, passwords)
    return plan, {name: one.text for name, one in passwords.items()}


async def test_people_come_in_with_roles_unit_and_extension(city: City):
    """M-90: new accounts with a first password each, known ones changed, the region the unit's own; again nothing changes."""
    rows = (
        "li.ming,李明,联络员、单位负责人,city/101,,,2001,",
        "wang,王芳,话务员,,city,8001,1001,",
        "office,office,政府办,city/900,,,,否",
    )
    plan, passwords = await with_people(city, *rows)
    assert (len(plan.steps), set(passwords)) == (3, {"li.ming", "wang"})
    async with city.db.reading() as session:
        li = await find_user(session, "li.ming")
        assert (li.roles, li.unit_id, li.region_id) == (
            {Role.LIAISON, Role.HEAD}, city.units["a"], city.regions["city"],
        )  # fmt: skip
        assert (li.extension, bool(li.sip_password), password_matches(li, passwords["li.ming"])) == ("2001", True, True)  # fmt: skip
        assert (await find_user(session, "office")).is_active is False
        created = await session.scalars(select(AuditRow.target).where(AuditRow.action == "account.create"))
        assert set(created) == {"user:li.ming", "user:wang"}
    again = await plan_of(city.db, "人员.csv", csv(PEOPLE, *rows))
    assert (again.steps, again.faults, again.unchanged) == ([], [], 3)


async def test_people_and_their_duties_come_in_one_file(city: City):
    """The liaison sheet may name somebody whom the people's sheet brings."""
    people = [PEOPLE.split(","), ["li.ming", "李明", "联络员", "city/101", "", "", "", ""]]
    duty = [["单位", "用户名", "顺序"], ["city/101", "li.ming", "2"]]
    plan = await plan_of(city.db, "a.xlsx", book(人员=people, 联络员=duty))
    assert plan.faults == []
    with pytest.raises(Conflict):  # nobody makes an account without a password
        async with city.db.unit_of_work() as session:
            await carry_out(session, city.clock, BY, plan)
    async with city.db.unit_of_work() as session:
        await carry_out(session, city.clock, BY, plan, await first_passwords(plan.new_accounts))


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("Li,李明,联络员,city/101,,,,", "第 2 行“用户名”（A 列）：“Li”不对，应为小写字母开头"),
        ("li,,联络员,city/101,,,,", "第 2 行“姓名”（B 列）：不能为空"),
        ("li,李明,经理,city/101,,,,", "“角色”（C 列）：“经理”不对，应为话务员、联络员"),
        ("li,李明,联络员,city/777,,,,", "“单位”（D 列）：没有单位“city/777”"),
        ("li,李明,联络员,,city,,,", "“单位”（D 列）：联络员、单位负责人、政府办和监察须填写单位"),
        ("li,李明,话务员,,,,,", "“地区代码”（E 列）：请填写单位或地区"),
        ("li,李明,监察、话务员,city/901,,,,", "“监察”不能与“话务员”由同一人担任"),
        ("li,李明,监察、联络员,city/101,,,,", "监察人员不能兼任被监察单位的联络员或负责人"),
        ("li,李明,话务员,,city,12x,,", "“工号”（F 列）：“12x”不对，应为1～8 位数字"),
        ("admin,admin,系统管理员,,city,,,否", "至少保留一个启用的系统管理员"),
    ],
)
async def test_a_wrong_person_is_named_by_row_and_cell(city: City, row: str, fault: str):
    """Each error with its row and column; nobody of the file is stored."""
    plan = await plan_of(city.db, "人员.csv", csv(PEOPLE, row, "zhao,赵敏,话务员,,city,,,"))
    assert any(fault in said for said in plan.faults), plan.faults
    with pytest.raises(OrganisationInvalid):
        async with city.db.unit_of_work() as session:
            await carry_out(session, city.clock, BY, plan)


async def test_two_people_cannot_share_an_extension(city: City):
    """The second row with the same extension is refused, naming the first."""
    plan = await plan_of(
        city.db, "人员.csv", csv(PEOPLE, "li,李,话务员,,city,,1001,", "wu,吴,话务员,,city,,1001,")
    )
    assert any("“分机”（G 列）：分机“1001”已由“li”使用" in said for said in plan.faults)


async def test_a_body_with_inspectors_cannot_become_an_inspected_unit(city: City):
    """§5.9: whoever inspects and leads the body would be head of an inspected unit; the duty stays until roles change."""
    await with_people(city, "mon,监察员,监察、单位负责人,city/901,,,,")
    plan = await plan_of(
        city.db, "单位.csv", csv("地区代码,部门代码,名称,职能", "city,901,inspection局,部门")
    )
    assert any("“职能”（D 列）：“mon”是监察人员又是本单位的联络员或负责人" in said for said in plan.faults)


async def test_a_liaison_of_another_unit_cannot_become_an_inspector(city: City):
    """A duty beside the own unit counts too."""
    with pytest.raises(RolesExclude):
        async with city.db.unit_of_work() as session:
            user = await find_user(session, "liaison_a")
            details = Details("a", unit_id=city.units["inspection"], region_id=city.regions["city"])
            roles = {Role.INSPECTOR, Role.LIAISON}
            await change_user(session, city.clock, BY, user, details=details, roles=roles)


async def test_a_unit_may_have_a_supervision_body_of_its_own(city: City):
    """M-123: complaints about a department under the province go to the body named for it; only such a body can be named."""
    heading = "地区代码,部门代码,名称,隶属,监察单位"
    wrong = await plan_of(city.db, "单位.csv", csv(heading, "city,101,甲,省直管,city/102"))
    assert any("“监察单位”（E 列）：“city/102”不是监察单位" in said for said in wrong.faults)
    await take_in(city, "单位.csv", csv(heading, "city,101,甲,省直管,province/901"))
    async with city.db.reading() as session:
        unit = await session.get_one(Unit, city.units["a"])
        body = await supervision_of(session, unit)
        other = await supervision_of(session, await session.get_one(Unit, city.units["b"]))
        told = (await Directory.read(session)).inspectors(unit.id)
    assert (body and body.id, other and other.id) == (
        city.units["province_inspection"], city.units["inspection"],
    )  # fmt: skip
    assert told == {Audience(Role.INSPECTOR, city.units["province_inspection"])}
