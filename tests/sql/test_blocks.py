"""A script's own transactions, where they count."""

import pytest

from asyncmigrate._sql.script import Script, read_script


def shown(script: Script) -> list[str]:
    """Each step of the script: its statements, its modes; a lone one in brackets."""
    steps, at = [], 0
    while at < len(script.statements):
        block = script.block_at(at)
        texts = [it.text for it in script.statements[at : block.stop]]
        text = "; ".join(texts)
        steps.append(
            f"{block.modes} {text}".strip() if block in script.blocks else f"[{text}]"
        )
        at = block.stop
    return steps


def read(text: str, *, transaction: bool | None = None) -> list[str]:
    script = read_script(text, transaction=transaction, blocks=True)
    assert script.refusals == ()
    assert not script.transaction
    return shown(script)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("BEGIN; a; COMMIT; BEGIN; b; c; COMMIT", ["a", "b; c"]),
        ("a; BEGIN; b; COMMIT; c; d", ["a; b", "c; d"]),
        ("a; COMMIT; b; c", ["a", "b; c"]),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE; a; END; b",
         ["ISOLATION LEVEL SERIALIZABLE a", "b"]),
        ("BEGIN; SET x = 1; SET TRANSACTION READ ONLY; a; COMMIT; b",
         ["READ ONLY SET x = 1; a", "b"]),
        ("BEGIN; a; BEGIN; b; COMMIT; COMMIT; c", ["a; b", "c"]),
        ("a; VACUUM; b; c", ["a", "[VACUUM]", "b; c"]),
        ("BEGIN; SAVEPOINT s; a; RELEASE s; COMMIT; b",
         ["SAVEPOINT s; a; RELEASE s", "b"]),
    ],
)  # fmt: skip
def test_a_query_of_several_statements_is_one_transaction_up_to_each_commit(
    text: str, steps: list[str]
) -> None:
    assert read(text) == steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a; b", ["[a]", "[b]"]),
        ("a; BEGIN; b; c; COMMIT; d", ["[a]", "b; c", "[d]"]),
        ("a; VACUUM; BEGIN; b; COMMIT", ["[a]", "[VACUUM]", "b"]),
        ("a; COMMIT; b", ["[a]", "[b]"]),
    ],
)
def test_statements_sent_one_by_one_count_by_themselves_outside_a_block(
    text: str, steps: list[str]
) -> None:
    assert read(text, transaction=False) == steps


@pytest.mark.parametrize(
    ("text", "transaction", "modes"),
    [
        ("", None, ""),
        ("-- nothing", False, ""),
        ("a", None, ""),
        ("a; b", None, ""),
        ("BEGIN; a; b; COMMIT", None, ""),
        ("BEGIN; a; COMMIT", False, ""),
        ("BEGIN READ WRITE; a; COMMIT", False, "READ WRITE"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; a", None,
         "ISOLATION LEVEL SERIALIZABLE"),
    ],
)  # fmt: skip
def test_a_script_of_one_block_is_one_transaction(
    text: str,
    transaction: bool | None,  # noqa: FBT001 - a parameter of the test
    modes: str,
) -> None:
    script = read_script(text, transaction=transaction, blocks=True)

    assert script.transaction
    assert script.modes == modes
    assert script.blocks == ()
    assert len(script.body) == len(text)
    assert "BEGIN" not in script.body


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BEGIN; a; ROLLBACK; b", "ROLLBACK is no plain end of a transaction"),
        (
            "BEGIN; a; COMMIT AND CHAIN; b",
            "COMMIT AND is no plain end of a transaction",
        ),
        ("a; BEGIN; b", "this BEGIN has no COMMIT"),
        ("BEGIN; a; VACUUM; COMMIT; b", "VACUUM cannot be in a transaction"),
        ("a; SAVEPOINT s", None),
    ],
)
def test_what_does_not_end_plainly_is_refused(text: str, message: str | None) -> None:
    script = read_script(text, blocks=True)

    assert [it.message for it in script.refusals][:1] == ([message] if message else [])


def test_a_savepoint_between_statements_that_count_by_themselves_is_refused() -> None:
    script = read_script("a; SAVEPOINT s; b", transaction=False, blocks=True)

    assert [it.line for it in script.refusals] == [1]
