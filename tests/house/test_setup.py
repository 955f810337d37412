"""The set-up: the lock covers what is declared, the Makefile explains itself, private apt results are checked."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from setup import asterisk, extras, lock, loopback, packages, release
from setup.__main__ import COMMANDS, PARTS, Part, main
from setup.apt import _LISTED, _PLANNED, Apt, Deb
from setup.launchers import own_loader, script
from setup.say import SetupError

PROJECT = Path(__file__).parents[2]
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")


def targets() -> set[str]:
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert phony
    return set(phony[1].split())


class FakeArchive(Apt):
    """An archive that offers exactly what a test says, without any apt."""

    def __init__(self, offered: dict[str, list[str]], needed: tuple[str, ...] = ()) -> None:
        self.offered, self.needed = offered, list(needed)

    def versions(self, packages: list[str]) -> dict[str, list[str]]:
        return {name: self.offered[name] for name in packages if name in self.offered}

    def depends(self, packages: list[str]) -> list[str]:
        return self.needed


def test_lock_pins_every_declared_requirement() -> None:
    """Every package that pyproject.toml asks for, tests included, has an exact version in the lock."""
    assert {packages.normal(each) for each in packages.declared()} - packages.pins().keys() == set()


def test_lock_holds_only_exact_versions() -> None:
    """No line of the lock leaves a choice to the day it is installed on."""
    assert [
        name for name, version in packages.pins().items() if not re.fullmatch(r"[0-9][\w.+!]*", version)
    ] == []


def test_lock_satisfies_exact_requirements() -> None:
    """A version that pyproject.toml fixes exactly is the one in the lock."""
    exact = dict(each.split("==") for each in packages.declared() if "==" in each)
    assert exact == {name: packages.pins()[packages.normal(name)] for name in exact}


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("sqlalchemy[asyncio]>=2.1", "sqlalchemy"),
        ("Typing_Extensions", "typing-extensions"),
        ("a.b ; x", "a-b"),
    ],
)
def test_requirement_names_have_one_spelling(requirement: str, name: str) -> None:
    """Extras, versions, case and separators do not make two packages of one."""
    assert name == packages.normal(requirement)


def test_help_names_every_public_target() -> None:
    """`make help` lists each target that a person may call, with its sentence."""
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert targets() - {"setup-tests"} == set(re.findall(r"^  make ([a-z-]+) ", shown.stdout, re.MULTILINE))


def test_makefile_asks_only_for_parts_that_exist() -> None:
    """Every part and command that the Makefile hands to set-up is known there."""
    asked = {word for line in re.findall(r"\$\(SETUP\) \d+ (.+)", MAKEFILE) for word in line.split()}
    assert set() == asked - PARTS.keys() - COMMANDS.keys()
    assert PARTS.keys() <= asked


def test_continuous_integration_calls_make_test_alone() -> None:
    """`.ci/run` is executable and does what a developer does."""
    text = (PROJECT / ".ci/run").read_text(encoding="utf-8")
    assert os.access(PROJECT / ".ci/run", os.X_OK)
    assert [line for line in text.splitlines() if "make" in line] == ["exec make test"]


def test_part_is_provided_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A part is made, then left alone until what it is made from changes."""
    source, made = tmp_path / "source", []
    source.write_text("1")
    monkeypatch.setitem(PARTS, "part", Part("part", made.append, tmp_path, (source,)))
    assert [main(["1", "part"]), main(["1", "part"])] == [0, 0]
    assert [tmp_path] == made
    source.write_text("2")
    main(["1", "part"])
    assert [tmp_path, tmp_path] == made


def test_failed_part_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A part that cannot be had says so in both languages, ends non-zero and leaves no stamp."""

    def fail(_place: Path) -> None:
        raise SetupError("缺少某物", "something is missing")

    monkeypatch.setitem(PARTS, "part", Part("part", fail, tmp_path, ()))
    assert main(["1", "part"]) == 1
    assert "缺少某物\nsomething is missing" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_served_pin_is_taken() -> None:
    """A pinned version that is still served wins over a newer one."""
    assert lock.choose({"libc6": "2.1"}, FakeArchive({"libc6": ["2.2", "2.1"]})) == {"libc6": "2.1"}


def test_vanished_pin_gives_way_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    """A version that the archive dropped is replaced by its newest, and the person is told."""
    assert lock.choose({"libc6": "2.1"}, FakeArchive({"libc6": ["2.2"]})) == {"libc6": "2.2"}
    assert "libc6 2.1 is no longer served, taking libc6 2.2" in capsys.readouterr().out


def test_renamed_library_is_followed() -> None:
    """A library whose package carries its interface number is found under the next number."""
    archive = FakeArchive({"libxml2-17": ["2.16"]}, ("libc6", "libxml2-17"))
    assert lock.choose({"libxml2-16": "2.15"}, archive) == {"libxml2-17": "2.16"}


def test_lost_package_stops_the_setup() -> None:
    """A package that nobody offers under any number is named in the error."""
    with pytest.raises(SetupError, match="asterisk-modules"):
        lock.choose({"asterisk-modules": "1"}, FakeArchive({}))


def test_refreshed_lock_keeps_its_comments(tmp_path: Path) -> None:
    """Pinning anew changes versions and nothing else."""
    file = tmp_path / "a.lock"
    file.write_text("# why\nlibc6 2.1\n")
    lock.refresh(file, FakeArchive({"libc6": ["2.2"]}))
    assert file.read_text() == "# why\nlibc6 2.2\n"


def test_asterisk_lock_names_what_is_launched() -> None:
    """The packages that hold the two programs and the C library they bring are pinned."""
    assert {"asterisk", "asterisk-modules", "sip-tester", "libc6"} <= lock.read(asterisk.LOCK).keys()


def test_apt_listing_is_read_with_epochs() -> None:
    """File name, hash and an escaped epoch of apt's listing come out as apt wants to be asked."""
    line = f"'http://host/a_1%3a2.deb' a_1%3a2+b~1_amd64.deb 25 SHA256:{'0' * 64}"
    found = _LISTED.search(line)
    assert found
    assert Deb(found["file"], found["kind"], found["digest"]).pinned == "a=1:2+b~1"


def test_apt_plan_is_read_for_new_and_newer_packages() -> None:
    """Both kinds of line of a simulated installation give name and version."""
    plan = "Inst a (1:2-3 Debian:12/oldstable [amd64])\nInst b [1.0] (1.1+deb12u1 Debian [amd64]) []\nConf a (1:2-3)\n"
    assert _PLANNED.findall(plan) == [("a", "1:2-3"), ("b", "1.1+deb12u1")]


def test_file_that_does_not_match_its_hash_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A package file other than the signed index describes never gets unpacked."""
    apt = Apt(tmp_path)
    listing = f"'http://host/a.deb' a_1_amd64.deb 25 SHA256:{'0' * 64}"
    monkeypatch.setattr(apt, "_run", lambda *_, **__: listing)
    (apt.debs / "a_1_amd64.deb").write_bytes(b"tampered")
    with pytest.raises(SetupError, match=r"a_1_amd64\.deb"):
        apt.download(["a=1"])


def test_package_outside_the_index_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What apt does not list with a hash is not taken from anywhere else."""
    apt = Apt(tmp_path)
    monkeypatch.setattr(apt, "_run", lambda *_, **__: "")
    with pytest.raises(SetupError, match="a=1"):
        apt.download(["a=1"])


@pytest.mark.parametrize(
    ("package", "useful"),
    [
        ("libpq5", True),
        ("postgresql-15", True),
        ("postgresql-common", False),
        ("libllvm14", False),
        ("perl", False),
    ],
)
def test_only_packages_that_are_files_are_unpacked(package: str, useful: bool) -> None:
    """Libraries and the program itself are unpacked; what configures a machine or is huge and idle is not."""
    assert useful == bool(release._USEFUL.match(f"{package}=1.2"))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6", (22, 10, 1)),
        ("Asterisk 20.6.0~dfsg", (20, 6, 0)),
        ("SIPp v3.8.0-TLS", (3, 8, 0)),
        ("x", ()),
    ],
)
def test_program_versions_are_read(text: str, version: tuple[int, ...]) -> None:
    """The version that a program tells is compared by number."""
    assert version == asterisk._version(text)


def test_launcher_passes_arguments_and_variables(tmp_path: Path) -> None:
    """A launcher sets its variables and hands every argument on unchanged, spaces and quotes included."""
    script(
        tmp_path / "bin/p",
        [sys.executable, "-c", "import os,sys;print(os.environ['V'],sys.argv[1:])"],
        {"V": "a 'b"},
    )
    shown = subprocess.run(
        [tmp_path / "bin/p", "x y", "$z"], capture_output=True, text=True, check=True
    ).stdout
    assert shown == "a 'b ['x y', '$z']\n"


def test_own_launcher_is_not_the_machines_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A launcher of ours on the path never becomes a link to itself."""
    script(tmp_path / "bin/p", ["true"])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert extras._machine(tmp_path, "p") is None
    script(tmp_path / "machine/p", ["true"])
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{tmp_path / 'machine'}")
    assert extras._machine(tmp_path, "q", "p") == tmp_path / "machine/p"


def test_tree_without_loader_is_refused(tmp_path: Path) -> None:
    """A tree that lost its loader is reported, not launched."""
    with pytest.raises(SetupError):
        own_loader(tmp_path / "p", tmp_path, "usr/sbin/p")


@pytest.mark.parametrize(("addresses", "told"), [({"192.0.2.7"}, False), (set(), True)])
def test_loopback_only_machine_is_told(
    addresses: set[str], told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an address outside 127/8 an ordinary user reads the command; with one nothing is said."""
    monkeypatch.setattr(loopback, "_addresses", lambda: addresses)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    loopback.provide()
    assert told == ("ip address add 10.250.0.1/32 dev lo" in capsys.readouterr().out)
