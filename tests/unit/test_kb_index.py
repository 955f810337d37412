"""The index file and its reader: what is found, in which order, and what never is."""

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from kb import demo
from kb.errors import RebuildRunning
from kb.searching import index, synonyms
from kb.searching.engine import Engine
from kb.searching.hits import Scope
from kb.searching.prepare import Doc, prepare
from kb.searching.writer import IndexKept, Writer

TODAY = date(2026, 6, 1)
STAFF = Scope(TODAY, public_only=False)
PUBLIC = Scope(TODAY)
DOCS = [
    Doc(1, "住房公积金提取", "带身份证到窗口办理，三个工作日到账。", source_id="a-1", unit="公积金中心", unit_id=7, region_id=1),
    Doc(2, "社会保障卡遗失补办", "先拨打电话挂失，再到网点补卡。", source_id="a-2", unit="人社局", unit_id=8, region_id=1),
    Doc(3, "居民身份证补领", "到派出所申请。", source_id="a-3", unit="公安局", unit_id=9, aliases=(("身份证掉了", 1.0),)),
    Doc(4, "国家级高新技术企业认定", "向科技部门申请。", source_id="a-4", unit="科技局"),
    Doc(5, "内部通讯录", "值班安排。", source_id="a-5", public=False, unit="办公室"),
    Doc(6, "旧版公积金贷款办法", "已废止。", source_id="a-6", valid_to="2026-05-31"),
    Doc(7, "新版公积金贷款办法", "七月起执行。", source_id="a-7", valid_from="2026-07-01"),
]  # fmt: skip
Open = Callable[..., Engine]


def filled(path: Path, docs: Iterable[Doc] = DOCS, synonyms: Iterable[tuple[str, str]] = ()) -> Path:
    """A generation with these entries."""
    with index.rebuilding(path):
        folder = index.create(path)
        writer = Writer(folder)
        writer.put(prepare(docs))
        writer.set_synonyms(synonyms)
        writer.commit()
        writer.close()
        index.switch(folder)
    return folder


@pytest.fixture
def opened(tmp_path: Path) -> Iterable[Open]:
    """Makes an index of some entries and opens it."""
    engines: list[Engine] = []

    def make(docs: Iterable[Doc] = DOCS, synonyms: Iterable[tuple[str, str]] = ()) -> Engine:
        folder = filled(tmp_path / "index", docs, synonyms)
        engines.append(Engine(folder))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def ids(engine: Engine, typed: str, scope: Scope = PUBLIC, **options: bool) -> list[int]:
    return [hit.id for hit in engine.search(typed, 10, scope, **options)]


@pytest.mark.parametrize(
    "typed",
    ["公积金", "公机金", "gongjijin", "gongjij", "gjj", "公积j", "公积金怎么提取", "您好，请问公積金提取", "公金提取", "a-1", "公"],
)  # fmt: skip
def test_the_entry_is_found_however_it_is_typed(opened: Open, typed: str):
    """Han, homophones, full and unfinished pinyin, initials, traditional, a lost character, its own id."""
    assert ids(opened(), typed)[0] == 1


def test_a_two_character_word_inside_a_sentence_is_found(opened: Open):
    """M-22: a word in the middle of an answer is enough."""
    assert ids(opened(), "挂失")[0] == 2


def test_an_alias_stands_for_its_entry(opened: Open):
    """Another way to ask counts like the title."""
    assert ids(opened(), "身份证掉了怎么办")[0] == 3


def test_synonyms_lead_to_official_words(opened: Open):
    """What callers say finds what offices write."""
    engine = opened(synonyms=[("饭卡", "社会保障卡")])
    assert ids(engine, "饭卡")[0] == 2


def test_what_one_wording_lacks_another_may_have(opened: Open):
    """社保卡 stands in an alias and 补办 in the title: together they beat a short alias that only has the first."""
    rows = [json.loads(line) for line in demo.ENTRIES.read_text(encoding="utf-8").splitlines()]
    docs = [
        Doc(
            n,
            row["title"],
            row.get("answer", ""),
            aliases=tuple((text, 1.0) for text in row.get("aliases", ())),
        )
        for n, row in enumerate(rows, start=1)
    ]
    found = opened(docs, synonyms.shipped()).search("社保卡补办", 2, PUBLIC)
    assert [hit.title for hit in found] == ["社会保障卡遗失后的挂失与补办", "首次办理社会保障卡"]


def test_expired_and_not_yet_valid_entries_are_not_found(opened: Open):
    """Validity is decided by the day of the search, for staff as well."""
    assert not {6, 7} & set(ids(opened(), "公积金贷款办法", STAFF))


def test_the_last_day_still_counts(opened: Open):
    """An entry is found up to and including its last day."""
    assert ids(opened(), "旧版公积金贷款办法", Scope(date(2026, 5, 31)))[0] == 6


def test_expired_entries_are_marked_where_they_are_asked_for(opened: Open):
    """M-22: staff may look at what has expired, marked; the public never."""
    engine = opened()
    hits = engine.search("旧版公积金贷款办法", 10, Scope(TODAY, public_only=False, with_expired=True))
    assert (hits[0].id, hits[0].valid) == (6, False)
    assert 6 not in ids(engine, "旧版公积金贷款办法", Scope(TODAY, public_only=True, with_expired=True))


def test_internal_entries_are_for_staff_alone(opened: Open):
    """M-70: what is not public never reaches a public search, not even by its id."""
    engine = opened()
    assert ids(engine, "内部通讯录", STAFF)[0] == 5
    for typed in ("内部通讯录", "a-5", "neibutongxunlu", "nbtxl"):
        assert 5 not in ids(engine, typed)


def test_a_unit_is_a_facet(opened: Open):
    """Only entries of units whose name holds the text; an unknown unit has none."""
    engine = opened()
    assert set(ids(engine, "身份证", Scope(TODAY, unit="公安"))) == {3}
    assert ids(engine, "身份证", Scope(TODAY, unit="没有这个局")) == []


def test_own_unit_and_faq_come_first_among_equals(opened: Open):
    """Priors order entries with the same words: own unit first, FAQ before base document (M-65)."""
    same = [
        Doc(n, "居住证办理", "带身份证办理。", unit_id=n, unit=f"第{n}局", kind="document") for n in (1, 2)
    ]
    engine = opened([*same, Doc(3, "居住证办理", "带身份证办理。", unit_id=3, unit="第3局")])
    assert ids(engine, "居住证办理需要什么")[0] == 3
    assert ids(engine, "居住证办理需要什么", Scope(TODAY, own_unit_id=2))[0] == 2


def test_priors_do_not_beat_a_better_fit(opened: Open):
    """An often chosen entry does not push a right one away."""
    docs = [
        Doc(1, "失业保险金申领", "在线申领。"),
        Doc(2, "失业登记", "到窗口登记。", chosen=500, chosen_on="2026-05-30"),
    ]
    assert ids(opened(docs), "失业保险金怎么申领")[0] == 1


def test_typeahead_looks_at_titles_alone(opened: Open):
    """A keystroke asks titles and aliases, not answers."""
    assert 2 not in ids(opened(), "电话挂失", answers=False)[:1]
    assert ids(opened(), "公积", answers=False)[0] == 1


@pytest.mark.parametrize(
    "typed", ["", "  ", "？！", '"', "a OR b", "*", "标题 AND 1", "'; DROP TABLE doc", "\x00", "😀" * 50]
)
def test_odd_input_is_only_a_query(opened: Open, typed: str):
    """Nothing typed breaks the search or changes the index."""
    engine = opened()
    ids(engine, typed)
    assert ids(engine, "公积金")[0] == 1


def test_removing_leaves_no_trace(tmp_path: Path):
    """Taking every entry out again leaves counts at nought and nothing to be found."""
    folder = filled(tmp_path / "index")
    writer = Writer(folder)
    writer.remove(doc.id for doc in DOCS)
    writer.commit()
    writer.close()
    engine = Engine(folder)
    for typed in ("公积金", "gjj", "办理", "a-1"):
        assert ids(engine, typed, STAFF) == []
    engine.close()
    assert index.terms(folder).searcher().num_docs == 0
    with closing(index.store(folder)) as store:
        assert store.execute("SELECT sum(n) + sum(length) FROM total").fetchone()[0] == 0


def test_a_change_is_seen_by_a_reader_that_is_open(tmp_path: Path):
    """What a writer commits is found at once by readers that were there before, and what it rolls back never."""
    folder = filled(tmp_path / "index")
    engine, writer = Engine(folder), Writer(folder)
    writer.replace([1], [Doc(1, "住房公积金缴存", "到窗口办理。")])
    writer.roll_back()
    assert ids(engine, "公积金提取")[0] == 1
    writer.replace([1, 2], [Doc(1, "护照申请", "到窗口办理。")])
    writer.commit()
    assert (ids(engine, "护照"), 1 in ids(engine, "公积金"), ids(engine, "社会保障卡")) == ([1], False, [])
    writer.close()
    engine.close()


def test_an_index_has_one_writer(tmp_path: Path):
    """A second writer is refused while the first is at work, and welcome afterwards."""
    folder = filled(tmp_path / "index")
    writer = Writer(folder)
    with pytest.raises(IndexKept):
        Writer(folder)
    writer.close()
    Writer(folder).close()


def test_an_index_is_made_anew_by_one_at_a_time(tmp_path: Path):
    """Two rebuilds at once would remove each other's work."""
    with index.rebuilding(tmp_path), pytest.raises(RebuildRunning), index.rebuilding(tmp_path):
        pass


def test_a_new_generation_takes_over_and_the_old_one_goes(tmp_path: Path):
    """A rebuild is seen when it is whole; afterwards only the new generation is on the disk."""
    path = tmp_path / "index"
    first = filled(path)
    second = filled(path)
    assert index.current(path) == second != first
    assert [one for one in path.iterdir() if one.is_dir()] == [second]


def test_an_index_of_another_cutter_is_outdated(tmp_path: Path):
    """The cutter's name and version are part of the index; another one, or rubbish, means a rebuild."""
    path = tmp_path / "index"
    assert index.current(path) is None
    folder = filled(path)
    assert index.current(path) == folder
    with closing(index.store(folder)) as store:
        store.execute("UPDATE meta SET value = 'jieba 0.1'")
    assert index.current(path) is None
    (folder / "store.db").write_bytes(b"no database at all" * 100)
    assert index.current(path) is None


def test_filters_keep_to_region_and_kind(opened: Open):
    """M-22: by region and by kind of entry, together or alone."""
    docs = [
        Doc(n, "居住证办理", "带身份证办理。", region_id=region, unit=f"第{n}局", kind=kind)
        for n, region, kind in ((1, 10, "faq"), (2, 20, "faq"), (3, 20, "item"))
    ]
    engine = opened(docs)
    assert set(ids(engine, "居住证", Scope(TODAY, region_id=20))) == {2, 3}
    assert ids(engine, "居住证", Scope(TODAY, region_id=20, kind="item")) == [3]


def test_own_entries_are_found_among_many_copies(opened: Open):
    """The own region's copy of an item comes first, however many other regions have the same."""
    docs = [Doc(n, "残疾人两项补贴申请", "到街道办理。", region_id=n, unit=f"第{n}局") for n in range(1, 400)]
    assert ids(opened(docs), "残疾补贴怎么申请", Scope(TODAY, own_region_id=333))[0] == 333


def test_hidden_entries_do_not_hide_the_others(opened: Open):
    """Where the best fits may not be shown, the search looks further until it has enough."""
    old = [Doc(n, "公积金", "已废止。", valid_to="2020-01-01") for n in range(1, 400)]
    assert ids(opened([*old, Doc(999, "住房公积金提取须知全文", "可提取。")]), "公积金") == [999]


def test_hits_are_marked(opened: Open):
    """Title and snippet say which of their characters were asked for, traditional characters too."""
    hit = opened([Doc(1, "住房公積金提取", "提取公积金要带身份证。")]).search("公积金提取", 10, PUBLIC)[0]
    assert [hit.title[start:end] for start, end in hit.title_marks] == ["公積金提取"]
    assert [hit.snippet[start:end] for start, end in hit.snippet_marks] == ["提取公积金"]
