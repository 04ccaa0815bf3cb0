"""The manifests of the page on deploying: what a cluster accepts, and what then runs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.docs.blocks import blocks_of
from tests.kit.commands import Cli
from tests.kit.databases import Database

PAGE = Path(__file__).parents[2] / "docs" / "deploying.md"
OLDEST_CLUSTER = "1.29"


def _manifests() -> list[dict[str, Any]]:
    documents = [
        document
        for block in blocks_of(PAGE)
        if block.language == "yaml"
        for document in yaml.safe_load_all(block.text)
    ]
    return [document for document in documents if "apiVersion" in document]


def _pod(manifest: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return pod


def _ours() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each pod with the container of it that runs the command."""
    for manifest in _manifests():
        pod = _pod(manifest)
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            if "app-migrations" in container["image"]:
                yield pod, container


@pytest.mark.parametrize("version", [OLDEST_CLUSTER, None])
def test_a_cluster_knows_every_key_of_the_manifests(version: str | None) -> None:
    wanted = version or kubernetes_validate.latest_version()

    accepted = [
        kubernetes_validate.validate(manifest, wanted, strict=True)
        for manifest in _manifests()
    ]

    assert len(accepted) == 4


async def test_what_the_containers_run_migrates_and_then_finds_nothing_to_do(
    database: Database, cli: Cli
) -> None:
    database.files.add("0001_users.sql", "CREATE TABLE users (id int);")
    ran = []
    for _, container in sorted(_ours(), key=lambda ours: ours[1]["name"]):
        outcome = await cli(*container["args"], env={"DATABASE_URL": database.dsn})
        assert outcome.exit_status == 0, outcome
        ran.append(container["args"][0])

    assert ran == ["migrate", "migrate", "migrate", "wait"]
    assert await database.tables() == {"users"}


def test_a_pod_is_given_the_time_to_clean_up() -> None:
    # Within `cleanup_grace`, 5 seconds; 30 is what a cluster gives unasked.
    assert [
        pod["terminationGracePeriodSeconds"]
        for pod, _ in _ours()
        if "terminationGracePeriodSeconds" in pod
    ] == [30, 30]


def test_each_release_that_the_page_names_is_one_and_the_same() -> None:
    named = re.findall(r"\d{4}-\d\d-\d\d", PAGE.read_text(encoding="utf-8"))

    assert len(set(named)) == 1
