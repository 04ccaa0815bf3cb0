"""The registry: what people would pick instead, each one a file beside this one."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.alembic import Alembic, AsyncAlembic
from benchmarks.peers.dbmate import Dbmate
from benchmarks.peers.graphile_migrate import GraphileMigrate
from benchmarks.peers.liquibase import Liquibase
from benchmarks.peers.node_pg_migrate import NodePgMigrate
from benchmarks.peers.peer import Kind, Missing, Peer, Project
from benchmarks.peers.pogo import Pogo
from benchmarks.peers.sqitch import Sqitch
from benchmarks.peers.yoyo import Yoyo

__all__ = ["PEERS", "Kind", "Missing", "Peer", "Project", "install"]

PEERS: Sequence[Peer] = (
    Dbmate(),
    Alembic(),
    AsyncAlembic(),
    Yoyo(),
    Pogo(),
    NodePgMigrate(),
    GraphileMigrate(),
    Sqitch(),
    Liquibase(),
)


def install(cache: Path) -> tuple[list[Peer], dict[str, str]]:
    """Install them below *cache*: those that are there now, and why others are not."""
    there: list[Peer] = []
    absent: dict[str, str] = {}
    for peer in PEERS:
        try:
            peer.install(cache / type(peer).__name__.lower())
        except Missing as reason:
            absent[peer.name] = str(reason)
        else:
            there.append(peer)
    return there, absent
