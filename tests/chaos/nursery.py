"""A process that has asyncmigrate imported and forks runners from it.

A runner is the command itself in a process of its own, with a pid to be killed or
stopped; only the half second of imports is spared, 500 times. The nursery has neither
threads nor a loop, so that a fork of it is safe.

    in:  {"start": 7, "argv": […], "env": {…}, "output": "path"}
    out: {"started": 7, "pid": 4711}, {"ended": 7, "status": -9}
"""

import json
import os
import select
import signal
import sys
from typing import Any


def run(order: dict[str, Any]) -> None:
    """Become a runner; does not return."""
    status = 70
    try:
        os.setpgid(0, 0)
        output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # Until the command's own handlers stand, which the interpreter's start precedes.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.environ.update(order["env"])
        sys.argv = ["asyncmigrate", *order["argv"]]
        from asyncmigrate.__main__ import main  # noqa: PLC0415 - loaded already

        main()
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:  # noqa: BLE001 - what the interpreter itself would show
        import traceback  # noqa: PLC0415 - in the failing runner alone

        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def tell(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def reap(names: dict[int, int]) -> None:
    while names:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        tell(ended=names.pop(pid), status=os.waitstatus_to_exitcode(status))


def serve() -> None:
    names: dict[int, int] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    pending = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            reap(names)
        if 0 not in ready:
            continue
        data = os.read(0, 1 << 16)
        if not data:
            break
        *orders, pending = (pending + data).split(b"\n")
        for line in orders:
            order = json.loads(line)
            pid = os.fork()
            if pid == 0:
                os.close(wake)
                run(order)
            names[pid] = order["start"]
            tell(started=order["start"], pid=pid)
    for pid in names:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    import asyncpg  # noqa: F401 - for the runners

    import asyncmigrate._api.operations
    import asyncmigrate._cli.app
    import asyncmigrate._cli.commands.migrate
    import asyncmigrate._cli.commands.status
    import asyncmigrate._fast  # noqa: F401 - for the runners

    serve()
