import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette

from asyncmigrate._readers.page import render_page
from asyncmigrate.fastapi import Migrations
from tests.fastapi import browser, pages
from tests.fastapi.conftest import Serve
from tests.kit.app import App

Make = Callable[..., Migrations]
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
needs_chromium = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="there is no Chromium on this machine"
)


def text_of(html: str) -> str:
    body = html.partition("<body>")[2].replace("<wbr>", "")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).strip()


def test_the_page_says_what_is_applied_pending_and_edited_and_how_long_each_took() -> (
    None
):
    html = render_page(pages.status(), at=AT)

    text = text_of(html)
    assert "Migrations needs attention namespace default applied 7 pending 2" in text
    assert "20260202_002 book_slugs applied 2026-03-07 09:30 UTC 4.2 s" in text
    assert "20260119_001 touch_updated_at edited" in text
    assert "20260126_001 stock_movements missing" in text
    assert "20260216_001 reorder_level pending" in text
    assert "repeatable/sales_by_month.sql sales_by_month applied" in text
    assert "touch_updated_at.sql was edited after it was applied" in text
    assert "the database is ahead of these files" in text


def test_durations_are_bars_against_the_longest() -> None:
    html = render_page(pages.status(), at=AT)

    bars = re.findall(r'aria-label="([^"]+)".*?class="bar" width="([\d.]+)%"', html)
    assert ("4.2 s", "100.0") in bars
    assert ("350 ms", "8.4") in bars
    assert ("2 ms", "1.0") in bars


def test_the_running_migration_is_shown_with_its_progress_and_the_locks_holder() -> (
    None
):
    html = render_page(pages.status(), at=AT)

    text = text_of(html)
    assert "lock held by app@shop-migrate-x7k2p, process 7, release 2026.3," in text
    assert "for 1 min 14 s" in text
    assert "running 20260209_001: building index: scanning table 62 %" in text
    assert 'class="bar now" width="62.0%"' in html


def test_the_newest_stands_on_top() -> None:
    html = render_page(pages.status(), at=AT)

    versions = re.findall(r'<td class="version">(\d+_\d+)</td>', html)
    assert versions == sorted(versions, reverse=True)


@pytest.mark.parametrize(
    ("everything", "again"), [(True, True), (False, False)], ids=["busy", "calm"]
)
def test_it_loads_itself_again_only_while_there_is_something_to_see(
    *, everything: bool, again: bool
) -> None:
    html = render_page(pages.status(everything=everything), at=AT)

    assert ('http-equiv="refresh"' in html) is again
    assert ("up to date" in html) is not again


def test_nothing_that_a_name_holds_becomes_markup_or_steers_the_reader() -> None:
    calm = render_page(pages.status(), at=AT)

    html = render_page(pages.status(pages.hostile()), at=AT)

    assert "<script" not in html
    assert "<img" not in html
    assert html.count("</style>") == calm.count("</style>") == 1
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_it_is_self_contained() -> None:
    html = render_page(pages.status(), at=AT)

    assert re.findall(r'(?:src|href)="([^"]*)"', html) == ["data:,"]
    assert "url(" not in html
    assert "@import" not in html
    assert " style=" not in html


async def test_the_page_forbids_scripts_frames_and_everything_from_elsewhere(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users="CREATE TABLE users (id int);")
    await app.migrate()

    async with client(migrations()) as http:
        answer = await http.get("/migrations")

    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "0001 users applied" in text_of(answer.text)


async def test_a_database_that_cannot_be_reached_is_a_page_as_well(
    migrations: Make, client: Serve
) -> None:
    gone = migrations(dsn="postgresql://app@127.0.0.1:1/app")

    async with client(gone) as http:
        answer = await http.get("/migrations")

    assert answer.status_code == 503
    assert "cannot connect to 127.0.0.1:1/app" in text_of(answer.text)
    assert "content-security-policy" in answer.headers


@needs_chromium
async def test_a_browser_shows_it_in_light_and_dark_and_obeys_no_hostile_name(
    app: App, migrations: Make, tmp_path: Path
) -> None:
    app.add(_0001_users="CREATE TABLE users (id int);", _0002_more="SELECT 1;")
    await app.migrate()
    await app.database.execute(
        "UPDATE asyncmigrate.schema_migrations SET name = $1 WHERE version = '0001'",
        pages.HOSTILE.replace("\x1b", ""),
    )
    made = migrations(mode="wait", on_event=None)
    home = Path(os.environ.get("ASYNCMIGRATE_TEST_PICTURES", tmp_path))
    light, dark = home / "light.png", home / "dark.png"

    with browser.served(
        Starlette(routes=made.routes, lifespan=made.lifespan)
    ) as address:
        url = f"{address}/migrations"
        seen = browser.visit(tmp_path / "chromium", url, "--dump-dom")
        shot = f"--screenshot={light}"
        light_run = browser.visit(tmp_path / "chromium", url, shot)
        shot = f"--screenshot={dark}"
        browser.visit(tmp_path / "chromium", url, shot, "--force-dark-mode")

    assert "<title>Migrations: up to date</title>" in seen.stdout
    assert "CONSOLE" not in seen.stderr + light_run.stderr
    assert browser.corner(light) == (0xF6, 0xF7, 0xF9)
    assert browser.corner(dark) == (0x12, 0x16, 0x1B)
