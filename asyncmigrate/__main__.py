"""The command's door: `asyncmigrate`, `python -m asyncmigrate`.

``--version`` is answered here, before anything is imported.
"""

import sys

from asyncmigrate._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 8 ms
    from typing import NoReturn


def main() -> None:
    """Run the command and leave with its exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"asyncmigrate {__version__}")  # noqa: T201 - the answer
        return
    import gc  # noqa: PLC0415 - built in

    # What imports allocate stays, and collecting it costs an eighth of the start: it is
    # collected again when something runs (`_cli.signals`).
    gc.disable()
    from asyncmigrate._fast.signals import LeavingAtOnce  # noqa: PLC0415 - not for --version

    with LeavingAtOnce():
        from asyncmigrate._fast import Look  # noqa: PLC0415 - as above

        look = Look()
        request = look.nothing_to_do(sys.argv[1:])
        if request is not None and (request.quiet or _is_said("nothing to do")):
            _leave(0)
        from asyncmigrate._cli.app import run  # noqa: PLC0415 - nothing of it is needed above

        if look.keeps_a_place:
            # Until all is loaded that it takes to be at work, so that nobody jumps in.
            from asyncmigrate._api import operations  # noqa: F401, PLC0415 - see above

            look.leave()
    _leave(run(sys.argv[1:]))


def _is_said(answer: str) -> bool:
    """Write it to standard output; where that cannot be, the ordinary path says why."""
    try:
        print(answer, flush=True)  # noqa: T201 - the answer
    except BrokenPipeError:
        sys.stdout = None  # whoever read has seen enough
    except OSError:
        return False
    return True


def _leave(status: int) -> "NoReturn":
    """Exit without taking the interpreter apart, which takes a seventh of the start.

    Only where no code of a migration's own can have run: it may have left threads, or
    files that are not written yet.
    """
    import atexit  # noqa: PLC0415 - built in
    import os  # noqa: PLC0415 - loaded at every start

    if "asyncmigrate._engine.python" not in sys.modules:
        atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter calls
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        except (OSError, ValueError):
            sys.exit(status)
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
