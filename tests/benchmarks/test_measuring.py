"""How figures become ratios, verdicts, tables and pictures."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import peers, publishing
from benchmarks.machine import describe
from benchmarks.measuring import Contender, Failed, Figures, Rounds, measure
from benchmarks.peers import PEERS, Missing, Peer, install, peer
from benchmarks.plots import svg
from benchmarks.report import text
from benchmarks.results import Aim, Row, Series, Verdict, document
from benchmarks.workload import Change, alterations, tables

MACHINE = ("processors", "system", "python", "asyncpg", "typer", "postgres")


def gives(*seconds: float) -> Callable[[], Figures]:
    left = list(seconds)
    return lambda: {"seconds": left.pop(0)}


def a_series(aims: tuple[Aim, ...] = ()) -> Series:
    return Series(
        key="command-100",
        title="100 files & more",
        reference="floor",
        values={
            "floor": [100.0, 400.0, 200.0],
            "asyncmigrate": [30.0, 100.0, 80.0],
            "yoyo 9.0": [500.0, None, 500.0],
        },
        absent={"sqitch": "not installed"},
        aims=aims,
    )


def test_rounds_are_interleaved_and_each_begins_with_another() -> None:
    order: list[str] = []

    def note(name: str) -> Callable[[], Figures]:
        def run() -> Figures:
            order.append(name)
            return {"seconds": 1.0}

        return run

    contenders = [Contender(name, note(name)) for name in "abc"]

    measure(contenders, Rounds(2, seconds=60, warm_up=False))

    assert "".join(order) == "bcacab"


def test_who_has_used_up_its_share_sits_out_what_is_left() -> None:
    contenders = [Contender("slow", gives(9.0)), Contender("other", gives(1.0))]

    measured = measure(contenders, Rounds(3, seconds=0, warm_up=False))

    assert measured.of("seconds") == {
        "slow": [9.0, None, None],
        "other": [1.0, None, None],
    }


def test_a_peer_that_fails_is_told_and_has_no_figure() -> None:
    def fail() -> Figures:
        raise Failed(program="tool", how="ended with 1", output="no such option")

    contenders = [Contender("tool", fail), Contender("floor", gives(1.0))]

    measured = measure(contenders, Rounds(1, seconds=1, warm_up=False))

    assert list(measured.figures) == ["floor"]
    assert measured.failures == {"tool": "tool ended with 1: no such option"}


def test_our_own_may_not_fail() -> None:
    def fail() -> Figures:
        raise Failed(program="asyncmigrate", how="ended with 1", output="")

    with pytest.raises(Failed):
        measure([Contender("asyncmigrate", fail, is_ours=True)], Rounds(1, seconds=1))


def test_a_ratio_is_the_median_of_the_pairs() -> None:
    assert a_series().pairs("asyncmigrate") == [0.3, 0.25, 0.4]
    assert a_series().ratio("asyncmigrate") == 0.3


@pytest.mark.parametrize(
    ("aim", "verdict", "figure"),
    [
        (Aim(text="", of="asyncmigrate", than=("floor",), at_most=0.3), "met", 0.3),
        (Aim(text="", of="asyncmigrate", than=("floor",), at_most=0.2), "missed", 0.3),
        (
            Aim(text="", of="asyncmigrate", than=("sqitch",), at_most=1),
            "not measured",
            None,
        ),
        (Aim(text="", of="asyncmigrate", than=(), at_most=1), "not measured", None),
        (Aim(text="", of="asyncmigrate", at_least=40), "met", 80.0),
        (Aim(text="", of="floor", at_least=500), "missed", 200.0),
    ],
)
def test_an_aim_is_judged(aim: Aim, verdict: str, figure: float | None) -> None:
    judged = a_series().judge(aim)

    assert judged.verdict == Verdict(verdict)
    assert judged.figure == figure


def test_of_several_the_one_nearest_to_the_limit_decides() -> None:
    series = a_series()
    series.values["fast"] = [10.0, 10.0, 10.0]

    judged = series.judge(
        Aim(text="", of="asyncmigrate", than=("floor", "fast"), at_most=1)
    )

    assert (judged.hardest, judged.figure) == ("fast", 8.0)


def test_a_verdict_says_whom_it_is_without() -> None:
    everybody = ("floor", "sqitch", "yoyo 9.0")
    aim = Aim(text="below all", of="asyncmigrate", than=everybody, at_most=1)
    series = a_series((aim,))
    row = Row(number=3, title="the command", series=[series])

    assert series.judge(aim).without == ("sqitch",)
    assert "+ below all: met, of 2 of 3; without sqitch; 0.30 x of floor" in text([row])


def test_a_peer_that_cannot_be_installed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nowhere(type(PEERS[0])):  # type: ignore[misc]
        name = "nowhere 1.0"

        def install(self, home: Path) -> None:
            message = f"no package for {home.name}"
            raise Missing(message)

    monkeypatch.setattr(peers, "PEERS", (Nowhere(),))

    assert install(tmp_path) == ([], {"nowhere 1.0": "no package for nowhere"})


@pytest.mark.parametrize("changes", [tables(2), alterations(13)])
@pytest.mark.parametrize("tool", PEERS, ids=lambda tool: tool.name)
def test_a_peer_is_given_the_same_statements(
    tool: Peer, changes: list[Change], tmp_path: Path
) -> None:
    tool.write(changes, tmp_path / "project")

    written = "".join(
        path.read_text("utf-8")
        for path in sorted((tmp_path / "project").rglob("*"))
        if path.is_file()
    )
    for change in changes:
        assert all(statement in written for statement in change.up)


def test_a_picture_is_well_formed_and_names_everybody() -> None:
    picture = svg(a_series(), "The command: 100 files & more")

    root = ET.fromstring(picture)  # noqa: S314 - our own

    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"The command: 100 files & more", "floor", "asyncmigrate"} <= set(texts)
    assert "200 · 3.33 x" in texts


def test_results_are_written_into_the_pages_and_what_stands_around_them_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"above\n{publishing.BEGIN}\nold\n{publishing.END}\nbelow\n")
    monkeypatch.setattr(publishing, "PAGE", page)
    monkeypatch.setattr(publishing, "FOLDER", tmp_path / "performance")
    aim = Aim(text="within 0.2 x", of="asyncmigrate", than=("floor",), at_most=0.2)
    everybody = ("floor", "sqitch")
    more = Aim(text="below all", of="asyncmigrate", than=everybody, at_most=1)
    row = Row(number=3, title="the command", series=[a_series((aim, more))])
    machine = dict.fromkeys(MACHINE, "one")

    publishing.publish(document([row], scale="full", machine=machine))

    written = page.read_text()
    assert written.startswith("above\n")
    assert written.endswith("below\n")
    assert "old" not in written
    assert "| within 0.2 x | **missed** | 0.30 x floor |" in written
    assert "| below all | met, of 1 of 2; without sqitch | 0.30 x floor |" in written
    assert "Measured on one, one, Python one" in written
    assert (tmp_path / "performance" / "command-100.svg").exists()
    assert "not installed" in (tmp_path / "performance" / "figures.md").read_text()


def test_rows_of_another_time_are_not_told_as_measured_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"{publishing.BEGIN}\n{publishing.END}\n")
    monkeypatch.setattr(publishing, "PAGE", page)
    monkeypatch.setattr(publishing, "FOLDER", tmp_path / "performance")

    def a_row(number: int, machine: str) -> Row:
        when = ("at", "scale", "asyncmigrate", "before", "after")
        facts = {**dict.fromkeys(when, "x"), **dict.fromkeys(MACHINE, machine)}
        return Row(number=number, title="a row", series=[a_series()], facts=facts)

    before = document([a_row(3, "old")], scale="full", machine={})
    now = [a_row(4, "new")]
    found = document(now, scale="full", machine=now[0].facts, before=before)
    publishing.publish(found)

    assert "Measured on" not in page.read_text()
    figures = (tmp_path / "performance" / "figures.md").read_text()
    assert "On old, old, Python old" in figures
    assert "On new, new, Python new" in figures


def test_versions_are_those_of_the_environment_that_is_measured(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        """#!/bin/sh\necho '{"python": "9", "asyncpg": "8", "typer": "7"}'\n"""
    )
    python.chmod(0o755)

    facts = describe(18, tmp_path)

    assert (facts["python"], facts["asyncpg"], facts["typer"]) == ("9", "8", "7")
    here = describe(18, Path(sys.executable).parent)
    assert here["asyncpg"] == version("asyncpg")


def test_an_environment_is_made_again_for_another_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    home = tmp_path / "home"

    def make(where: Path) -> None:
        made.append(where)
        where.mkdir()

    monkeypatch.setattr(peer, "make_environment", make)
    monkeypatch.setattr(peer, "pip_install", lambda *_: None)
    peer.pip(home, "tool==1")
    peer.pip(home, "tool==1")
    assert made == [home]

    monkeypatch.setattr(peer, "PIP", "pip>=99")
    peer.pip(home, "tool==1")

    assert made == [home, home]


def test_a_row_that_is_measured_again_replaces_the_one_before() -> None:
    old = [
        Row(number=3, title="old", series=[]),
        Row(number=4, title="kept", series=[]),
    ]
    before = document(old, scale="full", machine={})

    after = document(
        [Row(number=3, title="new", series=[])], scale="full", machine={}, before=before
    )

    assert [row["title"] for row in after["rows"]] == ["new", "kept"]
