"""Each error builds its sentence once, from its fields, with a place and a remedy."""

import pickle
from collections.abc import Iterator

import pytest

from asyncmigrate import errors
from asyncmigrate._migration import Blocker
from asyncmigrate.errors import Conflict, ConflictsFound, MigrationError

BLOCKER = Blocker(pid=7, user="app", application=None, seconds=None, query=None)

SAMPLES: list[MigrationError] = [
    errors.TableLockNotAcquired(
        tries=10, lock_timeout=5.0, blockers=[BLOCKER], version="3"
    ),
    errors.TableLockNotAcquired(tries=1, lock_timeout=5.0, blockers=[], version="3"),
    errors.BlockLimitReached(block_limit=15.0, blocked=[BLOCKER], version="3"),
    errors.UnknownVersion("4", ["3", "5"], "among the files"),
    errors.UnknownVersion("4", [], "among the files"),
    errors.ConfirmationNeeded("rollback"),
    errors.LockNotAcquired(waited=300.0, holder="me@host"),
    errors.LockNotAcquired(waited=300.0, holder=None),
    errors.LockLost("the server says so"),
    errors.TrackingLayoutTooNew(schema="s", layout=7, min_reader=6),
    errors.EmbeddedServerUnavailable("no binaries"),
    ConflictsFound([Conflict(kind="late", message="late", hint="move it")]),
]


def every_error(
    error: type[MigrationError] = MigrationError,
) -> Iterator[type[MigrationError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__ == "asyncmigrate.errors":
            yield from every_error(child)


def test_the_sentences_that_classes_build() -> None:
    assert [sample.message for sample in SAMPLES] == [
        (
            "the lock was not free within 5 s in 10 tries; held by pid 7, user app;"
            " the migration was rolled back"
        ),
        (
            "the lock was not free within 5 s in 1 tries; held by a session that could"
            " not be seen; the migration was rolled back"
        ),
        (
            "others were held up for 15 s (pid 7, user app); the statement was"
            " cancelled and the migration rolled back"
        ),
        "there is no version 4 among the files; nothing was changed",
        "there is no version 4 among the files; nothing was changed",
        (
            "rollback needs a confirmation, since `protected` is set;"
            " nothing was changed"
        ),
        "the lock was not free within 300 s; held by me@host; nothing was changed",
        (
            "the lock was not free within 300 s; held by a session that left no name;"
            " nothing was changed"
        ),
        "the lock was lost: the server says so; what was under way was rolled back",
        (
            "the tracking schema s has layout 7, which only readers of layout 6 or newer"
            " understand; nothing was changed"
        ),
        "no embedded PostgreSQL: no binaries",
        "late; nothing was changed",
    ]


@pytest.mark.parametrize("error", SAMPLES)
def test_a_message_begins_small_and_says_what_to_do(error: MigrationError) -> None:
    assert error.message[0].islower()
    assert not error.message.endswith(".")
    assert error.hint
    assert str(error).endswith(f"\n\nhint: {error.hint}")


def test_exit_statuses_are_those_of_the_contract() -> None:
    assert {error.exit_status for error in every_error()} == {1, 2, 3, 4, 5, 6, 7}


def test_the_place_is_told_as_far_as_it_is_known() -> None:
    def shown(**fields: object) -> str:
        return str(MigrationError("wrong", **fields))  # type: ignore[arg-type]

    assert shown() == "wrong"
    assert shown(file="a.sql") == "a.sql: wrong"
    assert shown(file="a.sql", line=3) == "a.sql:3: wrong"
    assert shown(file="a.sql", line=3, column=1) == "a.sql:3:1: wrong"
    assert shown(detail="because", hint="do that") == (
        "wrong\n\ndetail: because\n\nhint: do that"
    )


def test_one_conflict_is_told_as_itself_with_its_diff() -> None:
    error = ConflictsFound(
        [
            Conflict(
                kind="edited",
                message="edited",
                hint="put it back",
                version="3",
                file="3.sql",
                line=1,
                column=2,
                diff="-a\n+b",
            )
        ]
    )

    assert str(error) == (
        "3.sql:1:2: edited; nothing was changed\n\ndetail: -a\n+b\n\nhint: put it back"
    )
    assert (error.version, error.place) == ("3", "3.sql:1:2")


def test_many_conflicts_are_listed_each_with_its_remedy() -> None:
    error = ConflictsFound(
        [
            Conflict(kind="late", message="late", hint="move it", file="2.sql"),
            Conflict(kind="edited", message="edited", diff="-a\n+b"),
        ]
    )

    assert str(error) == (
        "2 conflicts; nothing was changed\n"
        "- 2.sql: late\n  hint: move it\n"
        "- edited\n  -a\n  +b"
    )
    assert error.file is None


def test_the_results_that_stand_are_empty_until_a_run_fills_them_in() -> None:
    error = MigrationError("wrong")

    assert (error.results, error.run_id, error.warnings) == ((), None, ())


@pytest.mark.parametrize("error", SAMPLES)
def test_an_error_crosses_a_process_boundary(error: MigrationError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.hint == error.hint
