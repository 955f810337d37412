"""What other systems report for supervision: approval items (M-120) and series of figures (M-133)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web
from support.case_site import CaseSite, Colleague, case_site, colleagues
from support.tickets import City
from support.web import TEST, staff_room, web_app

import portal.app
from core import accounts
from core.clock import SystemClock
from core.db import Database
from portal.keys import PORTAL
from portal.settings import PortalSettings
from reports.outside.approvals import ring
from reports.outside.events import OutsideReported

APPROVALS, SERIES = "/api/v1/approvals", "/api/v1/series"
ACCEPTED = {
    "item_no": "SP-1", "event": "accepted", "at": "2026-06-01T09:00:00+08:00", "name": "食品经营许可",
    "unit": "101", "due_on": "2026-06-08",
}  # fmt: skip


@dataclass
class Site:
    people: CaseSite
    key: str

    @property
    def city(self) -> City:
        return self.people.city


def _room(app: web.Application) -> None:
    app[PORTAL] = PortalSettings(region="city")
    portal.app.setup(app)


async def _key(db: Database, channel: str) -> str:
    async with db.unit_of_work() as session:
        return await accounts.issue_token(session, SystemClock(), TEST, name=channel, channel=channel)


@pytest.fixture
async def site(db: Database) -> Site:
    people = await case_site(db)
    people.app = web_app(db, people.city.clock, rooms=[staff_room, _room])
    return Site(people, await _key(db, "window"))


async def _post(colleague: Colleague, key: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"}
    response = await colleague.browser.client.post(path, json=body, headers=headers)
    return response.status, await response.json()


async def test_an_overdue_approval_item_turns_red_and_a_late_decision_is_told(site: Site):
    """M-120: accepted, a step, a later due day; a second after the close of business it is overdue, then decided late."""
    async with colleagues(site.people, "inspector", "county_inspector") as (inspector, county):
        for event, state in (
            (ACCEPTED, "办理中"),
            ({"item_no": "SP-1", "event": "step", "at": "2026-06-01T09:30:00+08:00", "text": "现场核查"}, "办理中"),
            ({"item_no": "SP-1", "event": "due", "at": "2026-06-01T09:40:00+08:00", "due_on": "2026-06-09"}, "办理中"),
        ):  # fmt: skip
            assert (await _post(inspector, site.key, APPROVALS, event))[1].get("state") == state
        site.city.clock.move_to(datetime.fromisoformat("2026-06-08T09:00:00+08:00"))
        await inspector.browser.sign_in("inspector")
        assert "即将到期" in await inspector.open("/inspect/approvals?view=soon")
        assert "SP-1" not in await inspector.open("/inspect/approvals?view=overdue")
        site.city.clock.move_to(datetime.fromisoformat("2026-06-09T18:00:01+08:00"))
        await inspector.browser.sign_in("inspector")
        await county.browser.sign_in("county_inspector")
        assert (await ring(site.city.db, site.city.clock), await ring(site.city.db, site.city.clock)) == (
            1,
            0,
        )
        assert "a局 食品经营许可</a>" in await inspector.open("/notices")
        assert "食品经营许可" not in await county.open("/notices")
        late = await inspector.open("/inspect/approvals?view=overdue")
        assert 'class="chip bad">已逾期' in late
        assert "SP-1" not in await county.open("/inspect/approvals?view=")
        await county.open("/inspect/approvals/SP-1", status=404)
        decided = {"item_no": "SP-1", "event": "decided", "text": "准予许可"}
        assert (await _post(inspector, site.key, APPROVALS, decided))[1]["state"] == "逾期办结"
        assert "食品经营许可" not in await inspector.open("/notices")
        whole = await inspector.open("/inspect/approvals/SP-1")
        assert all(text in whole for text in ("现场核查", "期限变更", "准予许可", "食品经营许可"))
        refused = {"item_no": "SP-1", "event": "step", "text": "补正"}
        assert (await _post(inspector, site.key, APPROVALS, refused))[1]["error"][
            "code"
        ] == "approval_decided"


async def test_the_bell_follows_reports_and_the_passing_of_a_due_day(site: Site):
    """M-120, M-133: a report, other bounds and a due day that passes each tell open pages to count again."""
    heard: list[OutsideReported] = []
    site.city.db.bus.subscribe(OutsideReported, heard.append)
    figure = {"series": "原煤产量", "unit": "101", "on": "2026-06-01", "value": 80}
    async with colleagues(site.people, "inspector") as (inspector,):
        await _post(inspector, site.key, SERIES, figure)
        await inspector.browser.post("/inspect/series", {"series": "1", "least": "100"})
        await _post(inspector, site.key, APPROVALS, ACCEPTED)
    site.city.clock.move_to(datetime.fromisoformat("2026-06-08T18:00:01+08:00"))
    await ring(site.city.db, site.city.clock)
    assert heard == [OutsideReported(site.city.regions["city"])] * 4


async def test_the_same_report_again_changes_nothing(site: Site):
    """A report repeated after a broken line is one event; another acceptance of the same number is refused."""
    async with colleagues(site.people, "") as (somebody,):
        first = await _post(somebody, site.key, APPROVALS, ACCEPTED)
        assert first == await _post(somebody, site.key, APPROVALS, ACCEPTED)
        assert first == (
            200,
            {"item_no": "SP-1", "due_on": "2026-06-08", "events": 1, "state": "办理中"},
        )
        other = await _post(somebody, site.key, APPROVALS, ACCEPTED | {"text": "再次"})
        assert (other[0], other[1]["error"]["code"]) == (409, "approval_known")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"event": "step", "item_no": "SP-2"}, 404),
        ({"event": "paid"}, 422),
        ({"item_no": "SP 1"}, 422),
        ({"unit": ""}, 422),
        ({"unit": "999"}, 404),
        ({"name": ""}, 422),
        ({"name": "名" * 201}, 422),
        ({"due_on": ""}, 422),
        ({"due_on": "2026-02-30"}, 422),
        ({"at": "2026-07-01T09:00:00+08:00"}, 422),
        ({"at": 5}, 422),
        ({"region": "nowhere"}, 404),
    ],
)
async def test_a_wrong_approval_report_is_refused_and_leaves_nothing(
    site: Site, changes: dict[str, Any], status: int
):
    """Each fault has its status and a Chinese sentence, and no item is kept."""
    async with colleagues(site.people, "inspector") as (inspector,):
        found, body = await _post(inspector, site.key, APPROVALS, ACCEPTED | changes)
        assert (found, bool(body["error"]["message"])) == (status, True)
        assert "SP-" not in await inspector.open("/inspect/approvals?view=")


async def test_a_figure_below_its_bound_raises_a_flag(site: Site):
    """M-133: posted by unit and day, bounds set by the inspectors; below is flagged, a correction of the day takes it off."""
    figure = {"series": "原煤产量", "measure": "吨", "unit": "101", "on": "2026-06-01", "value": 80}
    async with colleagues(site.people, "inspector", "county_inspector") as (inspector, county):
        assert (await _post(inspector, site.key, SERIES, figure))[1]["flag"] == ""
        page = await inspector.open("/inspect/series?view=")
        assert "80 吨" in page
        wrong = await inspector.browser.post("/inspect/series", {"series": "1", "least": "很多"})
        assert wrong.status == 422
        foreign = await county.browser.post("/inspect/series", {"series": "1", "least": "100"})
        assert foreign.status == 404
        await inspector.browser.post("/inspect/series", {"series": "1", "least": "100", "most": "500"})
        assert "低于下限" in await inspector.open("/inspect/series")
        assert "a局 原煤产量 80 吨" in await inspector.open("/notices")
        assert await (await inspector.browser.get("/notices/count")).json() == {"unread": 1}
        assert "原煤产量" not in await county.open("/notices")
        assert (await _post(inspector, site.key, SERIES, figure | {"value": 800.5}))[1]["flag"] == "高于上限"
        assert (await _post(inspector, site.key, SERIES, figure | {"value": 120}))[1]["flag"] == ""
        assert "没有告警" in await inspector.open("/inspect/series")
        assert "原煤产量" not in await inspector.open("/notices")


async def test_only_a_windows_key_reports(site: Site, db: Database):
    """A library's key has nothing to report, and a wrong value is refused."""
    figure = {"series": "原煤产量", "unit": "101", "on": "2026-06-01", "value": 80}
    library = await _key(db, "library")
    async with colleagues(site.people, "") as (somebody,):
        assert (await _post(somebody, library, SERIES, figure))[0] == 403
        assert (await _post(somebody, library, APPROVALS, ACCEPTED))[0] == 403
        for changes in (
            {"value": "80"},
            {"value": True},
            {"value": 1e300},
            {"on": "2026-06-02"},
            {"series": "—"},
        ):
            assert (await _post(somebody, site.key, SERIES, figure | changes))[0] == 422
