"""A connection that says nothing any more, from a message of it on, and is not cut.

What a client sends it goes nowhere, or what it is answered; on the session's own
connection or on the keeper's; from the first message of a run to its last.
"""

import random
from dataclasses import dataclass

from tests.chaos.arena import Arena, Round, in_rounds
from tests.chaos.networks import EXPECTED, is_keeper
from tests.chaos.scores import Score
from tests.kit.proxy import Proxy, listening

LEASE = "1.5s"
AT_ONCE = 4
"""Rounds: most of their time they wait for somebody to notice."""


@dataclass
class _Silence:
    """Falls on one connection, when it has said so many messages."""

    proxy: Proxy
    on_keeper: bool
    after: int
    deaf: bool
    has_fallen: bool = False

    def __call__(self, number: int) -> None:
        said = len(self.proxy.connections[number])
        if self.has_fallen or said < self.after:
            return
        if is_keeper(self.proxy, number) is self.on_keeper:
            self.has_fallen = True
            (self.proxy.deaf_to if self.deaf else self.proxy.dumb_to).add(number)


async def silences(arena: Arena, score: Score) -> None:
    """Connections that fall silent at every point of a run, one after the other."""
    faults = arena.count(60)
    longest = await _count_messages(arena, score)

    async def one(number: int) -> None:
        rng = arena.rng(score.scenario, number)
        async with arena.round(score, arena.mixed(rng)) as each:
            if await _silenced(each, rng, longest):
                score.faults += 1
            while await each.end(await each.start(), *EXPECTED):
                pass

    await in_rounds(score, faults, one, AT_ONCE)


async def _count_messages(arena: Arena, score: Score) -> int:
    """What the session of an undisturbed run says."""
    rng = arena.rng(score.scenario, "messages")
    async with (
        arena.round(score, arena.mixed(rng)) as one,
        listening(one.database.dsn) as proxy,
    ):
        await one.end(await one.start(dsn=proxy.dsn), 0)
        return max(map(len, proxy.connections))


async def _silenced(each: Round, rng: random.Random, longest: int) -> bool:
    async with listening(each.database.dsn) as proxy:
        on_keeper = rng.random() < 0.2
        proxy.on_message = silence = _Silence(
            proxy,
            on_keeper=on_keeper,
            after=rng.randint(1, 12 if on_keeper else longest),
            deaf=rng.random() < 0.5,
        )
        dsn = f"{proxy.dsn}&connect_timeout=2"
        await each.end(await each.start(dsn=dsn, lease_ttl=LEASE), *EXPECTED)
        return silence.has_fallen
