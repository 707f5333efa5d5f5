"""Before anything is measured: all servers answer the same, and none answers who may not ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.bench.operations import Case, Operation
from benchmarks.bench.servers import Server


class Disagreement(Exception):
    """Two servers answer differently, or one answers a stranger."""


def check(servers: Sequence[Server], operation: Operation, cases: Sequence[Case]) -> None:
    """Raises Disagreement. The first server says what is right."""
    for case in cases:
        expected = None
        for server in servers:
            found = _answered(server, operation, case)
            if expected is None:
                expected = found
            elif found != expected:
                raise Disagreement(
                    f"{operation} for {case}:\n{servers[0].kind.title}: {expected}\n{server.kind.title}: {found}"
                )
    for server in servers:
        _refused(server, operation, cases[0].without_key())
        # The others ask for several environments, or name none.
        if operation not in {Operation.C, Operation.C_NESTED}:
            _refused(server, operation, cases[0].without_access())


def _answered(server: Server, operation: Operation, case: Case) -> Any:
    answer = server.ask(operation, case)
    if answer.status not in {200, 201}:
        raise Disagreement(f"{operation}: {server.kind.title} answers {answer}\n{server.errors()}")
    try:
        return server.kind.essence(operation, answer.body)
    except (ValueError, KeyError, TypeError) as error:
        raise Disagreement(
            f"{operation}: {server.kind.title} answers {answer}: {error!r}\n{server.errors()}"
        ) from error


def _refused(server: Server, operation: Operation, case: Case) -> None:
    answer = server.ask(operation, case)
    if answer.status in {200, 201} and b'"protocol"' in answer.body:
        raise Disagreement(f"{operation}: {server.kind.title} answers {case}, who has no access: {answer}")
