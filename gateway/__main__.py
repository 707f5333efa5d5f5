"""What `gateway` and `python -m gateway` run."""

from __future__ import annotations

import gc
import os
import signal


def main() -> None:
    if os.getpid() == 1:
        # In a container. What the first process does not handle itself does not reach it; only a service that serves
        # has a handler of its own.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    # What is imported stays. The collector would look through all of it again and again while it grows: a tenth of the
    # time until the first answer.
    gc.disable()
    from gateway.cli import main as command  # noqa: PLC0415  # while the collector is off

    gc.freeze()
    gc.enable()
    command()


if __name__ == "__main__":
    main()
