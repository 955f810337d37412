"""What the public reads besides answers: share pictures and case notes (M-135)."""

from datetime import date
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageFont
from support.tickets import City
from support.web import Browser

from kb.entries import notices
from kb.kinds import Notice
from kb.models import Audience, Entry, EntryKind, EntryState
from portal.reading import card

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)


async def _entry(city: City, number: str, **fields: Any) -> None:
    now = city.clock.now()
    values = {
        "kind": EntryKind.FAQ, "state": EntryState.PUBLISHED, "audience": Audience.PUBLIC, "source": "own", "source_id": number,
        "title": "老年卡怎么办", "answer": "到民政局办理。", "details": {}, "created_at": now, "changed_at": now, "published_at": now,
    }  # fmt: skip
    async with city.db.unit_of_work() as session:
        session.add(Entry(**(values | fields)))


async def test_a_shared_answer_brings_its_picture(city: City, browser: Browser):
    """The page names a picture of the size messengers expect; it is drawn once, small, and kept by whoever asks."""
    await _entry(city, "a1")
    page = await (await browser.get("/answers/own/a1")).text()
    address = str(browser.client.make_url("/answers/own/a1/card.png"))
    assert f'<meta property="og:image" content="{address}">' in page
    card.draw.cache_clear()
    pictures = [await browser.client.get("/answers/own/a1/card.png") for _ in range(2)]
    body = await pictures[0].read()
    assert (pictures[0].content_type, pictures[0].headers["Cache-Control"]) == (
        "image/png",
        "public, max-age=86400",
    )
    assert Image.open(BytesIO(body)).size == card.SIZE
    assert (len(body) < 60_000, card.draw.cache_info().misses) == (True, 1)


async def test_what_is_not_public_has_no_picture(city: City, browser: Browser):
    """A draft's title is not drawn for anybody."""
    await _entry(city, "a1", state=EntryState.DRAFT)
    assert (await browser.get("/answers/own/a1/card.png")).status == 404
    assert (await browser.get("/answers/own/none/card.png")).status == 404


def test_long_titles_end_in_dots_within_the_picture(db: None):
    """Four lines at most, none wider than there is room; a short title stays whole."""
    font: ImageFont.FreeTypeFont = card._font(72)
    lines = card.wrapped("关于进一步做好城乡居民最低生活保障工作的实施意见" * 5, font, 1040)
    assert (len(lines), lines[-1][-1]) == (4, "…")
    assert max(font.getlength(line) for line in lines) <= 1040 + 72
    assert card.wrapped("老年卡", font, 1040) == ["老年卡"]


async def test_case_notes_are_published_by_sort_and_leave_by_date(city: City, browser: Browser):
    """M-135: good ones and bad ones apart, each with its page and among no notices; a draft and one past its last day not."""
    notice = {"kind": EntryKind.NOTICE, "answer": "窗口主动延时服务。"}
    good = notice | {"details": {"notice": Notice.EXAMPLE, "merit": "午间不断岗"}}
    bad = notice | {"details": {"notice": Notice.EXPOSURE, "fault": "互相推诿", "remedy": "已通报批评并整改"}}
    await _entry(city, "c1", title="某窗口延时服务", **good)
    await _entry(city, "c2", title="某窗口互相推诿", **bad)
    await _entry(city, "c3", title="还没有审核", state=EntryState.DRAFT, **bad)
    await _entry(city, "c4", title="已经过期", valid_to_on=date(2026, 5, 31), **bad)
    page = await (await browser.get("/cases")).text()
    order = [page.find(text) for text in ("正面典型", "某窗口延时服务", "反面典型", "某窗口互相推诿")]
    assert (order == sorted(order), min(order) > 0) == (True, True)
    assert not {text for text in ("还没有审核", "已经过期") if text in page}
    board = await (await browser.get("/bulletin?month=2026-06")).text()
    assert (">典型案例<" in board, "本月没有新公开的答复" in board) == (True, True)
    async with city.db.reading() as session:
        assert await notices(session, city.clock.now().date()) == []
    answer = await (await browser.get("/answers/own/c2")).text()
    assert [text for text in ("整改情况", "已通报批评并整改") if text not in answer] == []
