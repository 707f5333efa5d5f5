"""The log: events with fields, one line each, on standard error."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor

Format = Literal["json", "console"]


def configure_logs(level: str, log_format: Format) -> None:
    """Also takes what libraries write with the standard library's logging, and Python's warnings."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[Processor]
    if log_format == "json":
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]
    else:
        render = [
            # The console's own form shows local variables where rich is installed, and keys are among them.
            structlog.processors.format_exc_info,
            _escape,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ]
    lines = _Lines()
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_without_bytes_of_requests)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _name_logger],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    # Python would write them as text, between the lines.
    logging.captureWarnings(True)


class _Lines:
    """Writes structlog's lines to standard error, or to standard output if that is closed.

    Each line is one write, because workers write at the same time. A line that cannot be written, for example to a full
    disk, is dropped: the request is answered all the same.
    """

    def __init__(self) -> None:
        # None if it is closed.
        self._write = (sys.stderr or sys.stdout).write

    def info(self, line: str) -> None:
        try:  # noqa: SIM105  # each request has a line, and `suppress` is three calls
            self._write(line + "\n")
        except OSError:
            pass

    warning = error = info


def _without_bytes_of_requests(record: logging.LogRecord) -> bool:
    """aiohttp quotes the line of a request that it cannot parse, which may hold a key: the name of the error is left."""
    error = record.exc_info[1] if record.exc_info else None
    if type(error).__module__ == "aiohttp.http_exceptions":
        record.msg, record.args, record.exc_info = "request.malformed: %s", (type(error).__name__,), None
    return True


def _dumps(event: Any, **_: Any) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:
        # A lone surrogate, which a client can put anywhere: it is not worth a line, nor the answer to it.
        return json.dumps(event, default=str)


def _escape(_: Any, __: str, event: EventDict) -> EventDict:
    """A terminal would obey what a client sends. The lines of a traceback stay lines."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            kept = "\n" if name == "exception" else ""
            event[name] = "".join([each if each.isprintable() or each == kept else repr(each)[1:-1] for each in value])
    return event


def _name_logger(_: Any, __: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    return event
