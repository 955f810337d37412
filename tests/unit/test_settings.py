"""Settings: what may be set, what follows from what, and that faults are told all at once without a value in them."""

import stat
from pathlib import Path

import pytest

from config.settings import HOME, WEBSOCKET_OFFSET, SettingsInvalid, load, make_clock
from core.clock import ShiftedClock, SystemClock


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """An environment whose file is empty and whose data lie in a folder of their own."""
    file = tmp_path / "hotline.toml"
    file.touch()
    return {"HOTLINE_CONFIG": str(file), "HOTLINE__DATA_DIR": str(tmp_path / "data")}


def write(base: dict[str, str], text: str) -> dict[str, str]:
    Path(base["HOTLINE_CONFIG"]).write_text(text, encoding="utf-8")
    return base


def faults(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load(environ)
    return caught.value.faults


def test_everything_lies_below_the_data_folder(base, tmp_path):
    """Database, recordings, prompts and Asterisk's spool follow data_dir."""
    settings = load(base)
    data = tmp_path / "data"
    assert settings.database.url == f"sqlite+aiosqlite:///{data}/hotline.db"
    assert settings.recordings.archive_dir == data / "recordings"
    assert settings.recordings.spool_dir == data / "asterisk" / "spool"
    assert settings.prompts.sounds_dir == data / "asterisk/data/sounds/zh"
    assert settings.asterisk.binary == HOME / ".tools/bin/asterisk"


def test_a_relative_data_folder_begins_at_the_project(base, monkeypatch, tmp_path):
    """Where the command is started makes no difference."""
    monkeypatch.chdir(tmp_path)
    base["HOTLINE__TICKETS__CODE_SECRET"], base["HOTLINE__ASTERISK__AMI_SECRET"] = "x" * 16, "y"
    assert load(base | {"HOTLINE__DATA_DIR": "var"}).data_dir == HOME / "var"


def test_the_environment_wins_over_the_file(base):
    """Text of the environment becomes a number, a switch or a list; the file's other keys stay."""
    write(base, '[http]\nport = 1000\nhost = "10.0.0.1"\n')
    given = {
        "HOTLINE__HTTP__PORT": "2000",
        "HOTLINE__HTTP__SECURE_COOKIES": "true",
        "HOTLINE__ASTERISK__TRUNK_MATCH": '["10.0.0.2", "10.0.0.3"]',
        "HOTLINE__CALLS__SURVEY_S": "7.5",
    }
    settings = load(base | given)
    assert (settings.http.host, settings.http.port, settings.http.secure_cookies) == ("10.0.0.1", 2000, True)
    assert settings.asterisk.trunk_match == ("10.0.0.2", "10.0.0.3")
    assert settings.calls.survey_s == 7.5


def test_what_outsiders_set_arrives(base):
    """The keys of the outside interface, by environment."""
    given = {
        "DATABASE__URL": "postgresql+asyncpg://u:p@h/d", "HTTP__HOST": "127.0.0.2", "HTTP__PORT": "29010",
        "ASTERISK__MODE": "embedded", "ASTERISK__SIP_PORT": "29011", "ASTERISK__AMI_PORT": "29012",
        "ASTERISK__RTP_START": "29100", "ASTERISK__RTP_END": "29199", "LINE__NUMBER": "12345",
    }  # fmt: skip
    settings = load(base | {f"HOTLINE__{name}": value for name, value in given.items()})
    asterisk = settings.asterisk
    assert settings.database.url == "postgresql+asyncpg://u:p@h/d"
    assert (asterisk.sip_port, asterisk.ami_port, asterisk.rtp_start, asterisk.rtp_end) == (
        29011,
        29012,
        29100,
        29199,
    )
    assert asterisk.http_port == 29010 + WEBSOCKET_OFFSET
    assert settings.line.number == settings.http.hotline_number == settings.caller_phone.numbers[0] == "12345"


def test_all_faults_are_told_at_once(base):
    """A misspelt key, a wrong type, a value out of range and a bad combination, each with its path."""
    write(
        base,
        'mode = "live"\n[http]\nprot = 1\nport = "9612"\n[calls]\nring_s = 0\n[asterisk]\nrtp_start = 20000\n',
    )
    told = faults(base)
    assert [fault.partition("：")[0] for fault in told] == [
        "asterisk.rtp_end", "calls.ring_s", "http.port", "http.prot", "mode",
    ]  # fmt: skip
    assert "是否应为 port" in told[3]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[http]\nport = true", "http.port"),
        ("[http]\nport = 1.5", "http.port"),
        ("[http]\nhost = 5", "http.host"),
        ('[log]\njson = "true"', "log.json"),
        ('[asterisk]\ntrunk_match = "10.0.0.1"', "asterisk.trunk_match"),
        ("[calls]\nsurvey_s = false", "calls.survey_s"),
        ("http = 5", "http"),
        ("[asterisk]\nsip_port = 70000", "asterisk.sip_port"),
        ("[asterisk]\nsip_port = 9612", "asterisk.sip_port"),
        ('[asterisk]\nmode = "outside"', "asterisk.mode"),
        ('[database]\nurl = "mysql://x"', "database.url"),
        ('[line]\nnumber = "96-128"', "line.number"),
    ],
)
def test_a_scalar_is_never_bent_into_another(base, text, key):
    """In the file a number is a number; nothing is guessed."""
    assert [fault.partition("：")[0] for fault in faults(write(base, text))] == [key]


def test_a_fault_never_repeats_a_value(base):
    """Passwords stand in settings: neither a wrong one, nor one behind a wrong key, is printed."""
    write(
        base,
        '[asterisk]\nami_secret = 987654321\nami_sekret = "geheim1"\n[database]\nurl = "mysql://u:geheim2@h/d"',
    )
    told = "\n".join(faults(base | {"HOTLINE__TICKETS__CODE_SECRET": "geheim3"}))
    assert "至少 16 个字符" in told
    assert not [word for word in ("987654321", "geheim1", "geheim2", "geheim3") if word in told]


def test_a_broken_file_is_told_by_its_place(base):
    """A TOML fault names line and column, not the text that stands there."""
    assert "第 2 行" in faults(write(base, '[asterisk]\nami_secret = geheim"\n'))[0]


def test_a_missing_file_is_told_when_it_was_named(base, tmp_path):
    """HOTLINE_CONFIG with a typing error must not mean "all defaults"."""
    assert "nowhere.toml" in faults(base | {"HOTLINE_CONFIG": str(tmp_path / "nowhere.toml")})[0]


def test_secrets_are_made_once_and_kept_close(base):
    """Generated at first use, the same ever after, readable by this user alone."""
    first, second = load(base), load(base)
    assert first.tickets.code_secret == second.tickets.code_secret
    assert first.asterisk.ami_secret == second.asterisk.ami_secret
    files = list(first.secrets_dir.iterdir())
    assert {file.name for file in files} == {"query_code", "ami"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_secret_may_lie_in_a_file(base, tmp_path):
    """`file:/path` reads it from there and generates none."""
    file = tmp_path / "key"
    file.write_text("a-secret-of-the-site\n")
    settings = load(base | {"HOTLINE__TICKETS__CODE_SECRET": f"file:{file}"})
    assert settings.tickets.code_secret == b"a-secret-of-the-site"
    assert faults(base | {"HOTLINE__TICKETS__CODE_SECRET": "file:/nowhere"})
    for name in ("TICKETS__CODE_SECRET", "ASTERISK__AMI_SECRET"):
        assert "一条斜线" in str(faults(base | {f"HOTLINE__{name}": f"file://{file}"}))


def test_a_shared_folder_is_no_reference_to_a_file(base):
    """The depot's `file:///folder` is the folder's address."""
    assert (
        load(base | {"HOTLINE__RECORDINGS__DEPOT": "file:///mnt/recordings"}).recordings.depot
        == "file:///mnt/recordings"
    )


@pytest.mark.parametrize("mode", ["test", "demo"])
def test_the_test_clock_starts_where_it_is_set(base, mode):
    """M-98: in the modes test and demo the clock may be set."""
    settings = load(base | {"HOTLINE__MODE": mode, "HOTLINE_TEST_CLOCK": "2026-06-01T10:00:00+08:00"})
    clock = make_clock(settings)
    assert isinstance(clock, ShiftedClock)
    assert clock.now().isoformat().startswith("2026-06-01T02:00:0")


def test_the_test_clock_is_refused_in_production(base):
    """M-98: no production hotline runs on an invented time; nor is a time without an offset taken."""
    given = base | {"HOTLINE_TEST_CLOCK": "2026-06-01T10:00:00+08:00"}
    assert faults(given)[0].startswith("test_clock（环境变量 HOTLINE_TEST_CLOCK）")
    assert faults(base | {"HOTLINE__MODE": "test", "HOTLINE_TEST_CLOCK": "2026-06-01T10:00:00"})
    assert isinstance(make_clock(load(base)), SystemClock)


def test_the_caller_phone_is_for_the_demo(base):
    """The page /phone is closed unless it is the demo or somebody opens it."""
    assert not load(base).caller_phone_enabled
    assert load(base, mode="demo").caller_phone_enabled
    assert load(base | {"HOTLINE__CALLER_PHONE__ENABLED": "on"}).caller_phone_enabled


def test_an_outside_asterisk_needs_its_password_and_folder(base):
    """Nothing can be generated for a machine that is not ours."""
    told = faults(base | {"HOTLINE__ASTERISK__MODE": "external"})
    assert {fault.partition("：")[0] for fault in told} == {
        "asterisk.ami_secret", "asterisk.http_port", "asterisk.spool_dir",
    }  # fmt: skip
