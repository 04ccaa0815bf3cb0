"""The tests of migrations that a project gets for one line."""

from inline_snapshot import snapshot

from tests.kit.commands import mask
from tests.pytest_plugin.conftest import Project

LINE = "from asyncmigrate.testing import *\n"


def told(project: Project, *arguments: str) -> tuple[str, dict[str, int]]:
    ran = project.run("--tb=short", *arguments)
    text = ran.stdout.str()
    failures = text.partition("= FAILURES =")[2].partition("= short test")[0]
    lines = [line for line in failures.splitlines() if not line.startswith("=")]
    return mask("\n".join(lines), project.path), ran.parseoutcomes()


def test_they_pass_where_every_down_undoes_its_up(project: Project) -> None:
    project.files.add(
        "0003_drop.sql",
        "-- UP\nALTER TABLE users DROP COLUMN name;\n"
        "-- DOWN\nALTER TABLE users ADD COLUMN name text;\n",
    )
    project.files.add(
        "0004_grant.sql",
        "-- UP\nGRANT SELECT ON users TO PUBLIC;\n"
        "-- DOWN\nREVOKE SELECT ON users FROM PUBLIC;\n",
    )
    project.files.add(
        "0005_forget.sql",
        "-- UP\n-- asyncmigrate: irreversible\nTRUNCATE users;\n",
    )
    project.files.add(
        "0006_index.sql",
        "-- UP\nCREATE INDEX CONCURRENTLY users_last ON users (last_name);\n"
        "-- DOWN\nDROP INDEX CONCURRENTLY users_last;\n",
    )
    project.files.add(
        "repeatable/names.sql",
        "CREATE OR REPLACE VIEW names AS SELECT last_name FROM users;\n",
    )
    project.tests(test_migrations=LINE)

    project.run().assert_outcomes(passed=3)


def test_they_show_what_is_wrong(project: Project) -> None:
    project.files.add(
        "0003_comment.sql",
        "-- UP\nCOMMENT ON TABLE users IS 'people';\nCREATE INDEX a ON users (name);\n"
        "-- DOWN\nDROP INDEX a;\n",
    )
    project.files.add("0004_no_way_back.sql", "CREATE TABLE b (c int);")
    project.files.add(
        "0005_type.sql",
        "-- UP\nCREATE TYPE mood AS ENUM ('good');\nCREATE TABLE moods (at mood);\n"
        "-- DOWN\nDROP TABLE mood;\n",
    )
    project.tests(test_migrations=LINE)

    text, outcomes = told(project)

    assert outcomes == {"failed": 2, "passed": 1}
    assert text == snapshot("""\
__________ test_every_migration_is_reversible_or_says_that_it_is_not ___________
these migrations have no DOWN; write one, or declare that there is none with `-- asyncmigrate: irreversible`

0004_no_way_back.sql
________________ test_up_down_up_leaves_the_catalogue_unchanged ________________
these migrations do not undo what they do

0003_comment.sql: its DOWN does not restore the catalogue

--- before 0003
+++ after its UP and DOWN
@@ -4,0 +5 @@
+comment on table public.users: is people

0005_type.sql: its DOWN fails

0005_type.sql:5:1: table "mood" does not exist (SQLSTATE 42P01); roll-back of migration 0005 failed: the migration was rolled back; no migration of this run stands\
""")


def test_they_tell_every_problem_of_the_files(project: Project) -> None:
    project.files.add("0002_again.sql", "SELECT 1;")
    project.files.add("0003_wish.sql", "-- asyncmigrate: lock_timeout=5s\nSELECT 1;")
    project.tests(test_migrations=LINE)

    text, outcomes = told(project, "-kfiles")

    assert outcomes == {"failed": 1, "deselected": 2}
    assert text == snapshot("""\
________________________ test_migration_files_are_valid ________________________
the migration files are not valid

0002_split.sql: `0002_again.sql` and `0002_split.sql` have one version, 0002
  hint: renumber the one that is not applied yet

0003_wish.sql:1:18: there is no directive `lock_timeout`
  hint: did you mean `lock-timeout`?\
""")


def test_they_notice_what_shows_only_the_second_time(project: Project) -> None:
    project.files.add(
        "0003_row.sql",
        "-- UP\nINSERT INTO users (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Ada');\n"
        "-- DOWN\nSELECT 1;\n",
    )
    project.tests(test_migrations=LINE)
    text, _ = told(project, "-kup_down_up")
    project.files.add(
        "0003_row.sql",
        "-- UP\nDO $$ BEGIN IF EXISTS (SELECT FROM users) THEN CREATE TABLE again ();"
        " END IF; INSERT INTO users (name) VALUES ('Ada'); END $$;\n"
        "-- DOWN\nDROP TABLE IF EXISTS again;\n",
    )
    again, _ = told(project, "-kup_down_up")

    assert "0003_row.sql: its UP fails after its DOWN" in text
    assert "duplicate key value" in text
    assert "0003_row.sql: applied again, it leaves another catalogue" in again
    assert "+table public.again" in again


def test_a_first_way_up_that_fails_is_told_as_any_other_failure(
    project: Project,
) -> None:
    project.files.add("0003_broken.sql", "SELECT nothing;")
    project.tests(test_migrations=LINE)

    text, outcomes = told(project, "-kup_down_up")

    assert outcomes == {"failed": 1, "deselected": 2}
    assert 'error: column "nothing" does not exist' in text
    assert "at 0003_broken.sql:1:8" in text
    assert "Traceback" not in text
