"""`migrate`: applies what is pending."""

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.options import DRY_RUN, RUN, Option
from asyncmigrate._cli.scripts import show_scripts


def migrate(call: Call, *, to: str | None, dry_run: bool) -> None:
    """Apply every pending migration, oldest first.

    Each is applied and recorded, or neither. Any number of processes may start at
    once: one works, the others wait and find nothing left to do. When files and
    history disagree, nothing is changed and every disagreement is told.
    """
    from asyncmigrate._api import run_migrate

    report = call.run(
        lambda emit: run_migrate(call.settings, target=to, dry_run=dry_run, emit=emit)
    )
    show_scripts(call.output, report)
    call.finish(report)


COMMAND = Command(
    name="migrate",
    body=migrate,
    own={
        "to": Option("Stop at this version.", "V", completes_versions=True),
        "dry_run": DRY_RUN,
    },
    settings=(*RUN, "allow_out_of_order", "single_transaction"),
    examples=(
        ("asyncmigrate migrate", "Apply what is pending; nothing to do is success."),
        ("asyncmigrate migrate --dry-run", "Read the SQL first."),
        ("asyncmigrate migrate --to 0007", "Stop at version 7."),
        (
            "asyncmigrate migrate --wait-for-database 30s && exec myapp",
            "In a container's entrypoint.",
        ),
    ),
)
