"""Orders about tasks (M-134): who, what, until when; the answer once; a late one on the list until the inspectors decide."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from support.tickets import City, build_city
from support.web import as_, browsing, give_password, web_app

from core.audit import AuditRow
from core.db import Database
from recordings.models import Purge
from tickets.oversight.oversight_models import TaskOrder

WISH = {"what": "六月十日前补报便民服务中心月报", "until_on": "2026-06-10"}
LATE = datetime(2026, 6, 11, 2, tzinfo=UTC)


@pytest.fixture
async def city(db: Database) -> City:
    city = await build_city(db)
    await give_password(db, city.users)
    return city


async def test_a_task_is_ordered_answered_and_late_ones_are_decided_about(city: City):
    """The unit's people are told until they answer; past its day it waits for the inspectors, who decide once."""
    async with browsing(web_app(city.db, city.clock)) as browser:

        async def page(path: str, status: int = 200) -> str:
            response = await browser.get(path)
            assert response.status == status, path
            return await response.text()

        async def post(path: str, status: int, **form: object) -> None:
            assert (
                await browser.post(path, {name: str(value) for name, value in form.items()})
            ).status == status

        await as_(browser, "office")
        for wrong in (
            {**WISH, "unit": "x"}, {**WISH, "unit": city.units["office"]}, {**WISH, "unit": city.units["a"], "what": " "},
            {**WISH, "unit": city.units["a"], "until_on": "2026-06-13"}, {**WISH, "unit": city.units["a"], "until_on": "2026-05-29"},
        ):  # fmt: skip
            await post("/orders/tasks", 422, **wrong)
        for unit in ("a", "b"):
            await post("/orders/tasks", 303, **WISH, unit=city.units[unit])
        assert "/orders/tasks/1" in await page("/orders/tasks")

        await as_(browser, "head_b")
        assert "任务督办：六月十日前" in await page("/notices")
        await page("/orders/tasks/1", 404)
        await post("/orders/tasks/1/answer", 404, answer="已报")
        await post("/orders/tasks/2/answer", 422, answer=" ")
        await post("/orders/tasks/2/answer", 303, answer="月报已补报。")
        await post("/orders/tasks/2/answer", 409, answer="再报一次")
        assert "任务督办" not in await page("/notices")

        await as_(browser, "inspector")
        assert "/orders/tasks/1" not in await page("/orders/tasks?view=overdue")
        await post("/orders/tasks/1/decide", 422, outcome="criticism", reason="逾期未报")
        city.clock.move_to(LATE)
        await as_(browser, "inspector")
        assert "/orders/tasks/1" in await page("/orders/tasks?view=overdue")
        assert "逾期未反馈" in await page("/notices")
        await post("/orders/tasks/1/decide", 422, outcome="judiciary", reason="逾期未报")
        await post("/orders/tasks/1/decide", 303, outcome="criticism", reason="催报后仍未报")
        await post("/orders/tasks/1/decide", 409, outcome="none", reason="再议")
        assert "/orders/tasks/1" not in await page("/orders/tasks?view=overdue")
        assert "通报批评" in await page("/orders/tasks/1")
        await as_(browser, "county_inspector")
        await page("/orders/tasks/1", 404)
        await as_(browser, "liaison_a")
        await post("/orders/tasks/1/answer", 303, answer="已补报，迟报原因已说明。")
        assert "逾期反馈" in await page("/orders/tasks/1")
    async with city.db.reading() as session:
        late, in_time = (await session.scalars(select(TaskOrder).order_by(TaskOrder.id))).all()
        assert (late.outcome, late.answered_at, in_time.outcome) == ("criticism", LATE, None)
        actions = select(AuditRow.action).where(AuditRow.action.startswith("task."))
        assert sorted(await session.scalars(actions)) == [
            "task.answer", "task.answer", "task.decide", "task.issue", "task.issue",
        ]  # fmt: skip


async def test_a_purge_waits_for_the_second_person(city: City):
    """Another supervisor and the inspectors of the region are told, whoever asked is not (M-60)."""
    async with city.db.unit_of_work() as session:
        session.add(
            Purge(region_id=city.regions["city"], asked_by_id=city.users["supervisor"], asked_at=city.clock.now(),
                  reason="到期清理", count=3, size=9)
        )  # fmt: skip
    async with browsing(web_app(city.db, city.clock)) as browser:
        for who, is_told in (
            ("supervisor", False),
            ("inspector", True),
            ("county_supervisor", False),
            ("office", False),
        ):
            await as_(browser, who)
            assert ("清除 3 个到期录音" in await (await browser.get("/notices")).text()) == is_told, who
