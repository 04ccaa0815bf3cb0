"""Scenarios that hypothesis thinks out: the engine's model, and spoiled files."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
import hypothesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos.arena import Arena
from tests.chaos.model import Bench, Engine
from tests.chaos.runners import nursery
from tests.chaos.scores import Score
from tests.kit.servers import Server
from tests.layouts.spoiling import read_or_refuse, spoiled_directories

SEQUENCES, STEPS = 100, 40
DIRECTORIES = 3000


def profile(examples: int, steps: int = 50) -> hypothesis.settings:
    """So much of it, for as long as that takes."""
    return hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


def try_sequences(server: Server, scratch: Path, examples: int, steps: int) -> Bench:
    """The engine against its model; what was done on the bench.

    Raises:
        AssertionError: with the shortest sequence that the model does not foresee.
    """
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        made = nursery(scratch)
        runners = loop.run_until_complete(made.__aenter__())
        Engine.bench = bench = Bench(loop, server, runners, scratch)
        try:
            run_state_machine_as_test(Engine, settings=profile(examples, steps))
        except HypothesisException as error:
            # What fails once and not again is all the more worth knowing.
            raise AssertionError("\n".join(bench.failures)) from error
        finally:
            loop.run_until_complete(made.__aexit__(None, None, None))
    return bench


async def model(arena: Arena, score: Score) -> None:
    """Random sequences of add, edit, lose, migrate, roll back, crash, accept, rename."""
    place = arena.scratch / "model"
    place.mkdir()
    examples = arena.count(SEQUENCES)

    def search() -> None:
        hypothesis.seed(arena.seed)(Engine)
        bench = try_sequences(arena.server, place, examples, STEPS)
        score.rounds = bench.databases
        score.runs = bench.runs
        score.faults = bench.crashes

    await _searched(score, search)


async def files(arena: Arena, score: Score) -> None:
    """Migration files cut short, spliced, filled with rubbish, in every layout."""
    examples = arena.count(DIRECTORIES)

    @hypothesis.seed(arena.seed)
    @profile(examples)
    @given(spoiled=spoiled_directories(), named=st.booleans())
    def search(spoiled: tuple[str, dict[str, bytes]], *, named: bool) -> None:
        layout, directory = spoiled
        score.faults += 1
        read_or_refuse(layout if named else None, directory)

    await _searched(score, search)


async def _searched(score: Score, search: Callable[[], None]) -> None:
    try:
        await anyio.to_thread.run_sync(search)
    except (Exception, HypothesisException) as error:  # noqa: BLE001 - whatever it found
        notes = "\n".join(getattr(error, "__notes__", ()))
        score.blame("unexpected", f"{type(error).__name__}: {error}\n{notes}")
