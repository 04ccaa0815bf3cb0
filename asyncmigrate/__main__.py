"""The command's door: `asyncmigrate`, `python -m asyncmigrate`.

``--version`` is answered here, before anything is imported.
"""

import sys

from asyncmigrate._version import __version__


def main() -> None:
    """Run the command and leave with its exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"asyncmigrate {__version__}")  # noqa: T201 - the answer
        return
    from asyncmigrate._cli.app import run  # noqa: PLC0415 - nothing of it is needed above

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
