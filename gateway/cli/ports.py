"""A port that several processes will share."""

from __future__ import annotations

import socket


def reserved_port(host: str, port: int) -> tuple[socket.socket, int]:
    """A socket that keeps `port` for this process and its workers, who share it; 0 finds a free one.

    Raises OSError where somebody listens there already: with SO_REUSEPORT alone, two services of one user would
    share the port unnoticed.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        reserved = socket.socket(family, kind, protocol)
        try:
            reserved.setsockopt(socket.SOL_SOCKET, option, 1)
            reserved.bind(address)
        except OSError:
            reserved.close()
            raise
        if option == socket.SO_REUSEADDR:
            address = reserved.getsockname()
            reserved.close()
    return reserved, reserved.getsockname()[1]
