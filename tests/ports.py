"""Ports for programs that must be told theirs."""

from __future__ import annotations

import random
import socket
from contextlib import closing
from pathlib import Path


def free_port() -> int:
    """One that nobody gets by chance until it is listened on: the system gives away those from another range."""
    first_given_away = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(first_given_away // 2, first_given_away)
        try:
            taken = socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
        with closing(taken):
            return port
