"""How figures become ratios, verdicts, tables and pictures."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import peers, publishing
from benchmarks.measuring import Contender, Failed, Figures, Rounds, measure
from benchmarks.peers import PEERS, Missing, Peer, install
from benchmarks.plots import svg
from benchmarks.results import Aim, Row, Series, Verdict, document
from benchmarks.workload import Change, alterations, tables


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
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_is_given_the_same_statements(
    peer: Peer, changes: list[Change], tmp_path: Path
) -> None:
    peer.write(changes, tmp_path / "project")

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
    row = Row(number=3, title="the command", series=[a_series((aim,))])
    machine = dict.fromkeys(
        ("processors", "system", "python", "asyncpg", "typer", "postgres"), "one"
    )

    publishing.publish(document([row], scale="full", machine=machine))

    written = page.read_text()
    assert written.startswith("above\n")
    assert written.endswith("below\n")
    assert "old" not in written
    assert "| within 0.2 x | **missed** | 0.30 x floor |" in written
    assert (tmp_path / "performance" / "command-100.svg").exists()
    assert "not installed" in (tmp_path / "performance" / "figures.md").read_text()


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
