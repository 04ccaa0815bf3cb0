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
    import gc  # noqa: PLC0415 - built in

    # What imports allocate stays; collecting it costs an eighth of the start.
    gc.disable()
    from asyncmigrate._fast import nothing_to_do  # noqa: PLC0415 - not for --version

    request = nothing_to_do(sys.argv[1:])
    if request is not None:
        if not request.quiet:
            print("nothing to do", flush=True)  # noqa: T201 - the answer
        return
    from asyncmigrate._cli.app import run  # noqa: PLC0415 - nothing of it is needed above

    gc.freeze()
    gc.enable()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
