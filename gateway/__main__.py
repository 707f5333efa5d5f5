"""What `gateway` and `python -m gateway` run."""

from __future__ import annotations

import gc


def main() -> None:
    # What is imported stays. The collector would look through all of it again and again while it grows: a tenth of the
    # time until the first answer.
    gc.disable()
    from gateway.cli import main as command  # noqa: PLC0415  # not before

    gc.freeze()
    gc.enable()
    command()


if __name__ == "__main__":
    main()
