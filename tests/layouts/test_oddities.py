"""What real directories hold, of which no tool's documentation speaks."""

import pytest

from tests.layouts.disk import Disk

GOOSE = "-- +goose Up\nSELECT 1;\n"
MIGRATE = "-- +migrate Up\nSELECT 1;\n"
DBMATE = "-- migrate:up\nSELECT 1;\n"


@pytest.mark.parametrize(
    ("layout", "files", "order"),
    [
        pytest.param(
            "goose",
            {"200_c.sql": GOOSE, "9_a.sql": GOOSE, "0010_b.sql": GOOSE},
            ["9", "0010", "200"],
            id="numbers with and without zeros, and with gaps",
        ),
        pytest.param(
            "diesel",
            {
                "2024-02-12-000000_c/up.sql": "",
                "20170708133715_a/up.sql": "",
                "00000000000000_diesel_initial_setup/up.sql": "",
            },
            ["00000000000000", "20170708133715", "20240212000000"],
            id="dates with and without dashes",
        ),
        pytest.param(
            "diesel",
            {"2023-18-01-000000_a/up.sql": "", "2024-01-01-000000_b/up.sql": ""},
            ["20231801000000", "20240101000000"],
            id="a month that there is not",
        ),
        pytest.param(
            "prisma",
            {
                "20250517173700_log.sql/migration.sql": "",
                "20250517173700_jobs/migration.sql": "",
                "20240101_init/migration.sql": "",
            },
            ["20240101_init", "20250517173700_jobs", "20250517173700_log.sql"],
            id="one time twice, and a folder named as a file",
        ),
        pytest.param(
            "sql-migrate",
            {"2-b.sql": MIGRATE, "10_c.sql": MIGRATE, "2-a.sql": MIGRATE},
            ["2-a.sql", "2-b.sql", "10_c.sql"],
            id="one number twice",
        ),
        pytest.param(
            "dbmate",
            {"20240101_größe 2_höhe.sql": DBMATE, "20240102_世界.sql": DBMATE},
            ["20240101", "20240102"],
            id="a second number, blanks and other letters",
        ),
        pytest.param(
            "flyway",
            {
                "V13.1__b.sql": "",
                "V13__a.sql": "",
                "V100_2__c.sql": "",
                "V9__0.sql": "",
            },
            ["9", "13", "13.1", "100.2"],
            id="dots in some",
        ),
        pytest.param(
            "flyway",
            {"20170206205240748__a.sql": "", "20170206205310272__b.sql": ""},
            ["20170206205240748", "20170206205310272"],
            id="an empty prefix",
        ),
    ],
)
def test_the_order_is_the_tools_own(
    disk: Disk, layout: str, files: dict[str, str], order: list[str]
) -> None:
    for name, text in files.items():
        disk.add(name, text)

    source = disk.read(format=layout)

    assert [file.label for file in source.files] == order
    assert source.problems == ()
    assert all(file.define() for file in source.files)


def test_a_statement_needs_no_semicolon_at_the_end_of_a_file(disk: Disk) -> None:
    disk.add("1_a.up.sql", "CREATE TABLE a ();\nCREATE TABLE b ()")

    (file,) = disk.read(format="golang-migrate").files

    assert file.define().up.text.endswith("CREATE TABLE b ()")
