"""Forms in request bodies: URL-encoded and multipart, as Django reads them.

Multipart is read by a parser of our own: those of the standard library are for mail, where
encodings nest and lines fold, and aiohttp's is for streams.
"""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from gateway.errors import ParseError

_MAX_FIELDS: Final = 1000
_MAX_PART_HEAD: Final = 1024
_PARAMETER: Final = re.compile(r';[ \t]*([^\s=;"]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*)')
_ESCAPED: Final = re.compile(r'\\([\\"])')
_BOUNDARY: Final = re.compile(r"[ -~]{0,200}[!-~]")


class Upload:
    """A file in a form: no field of a folder takes one. Its text is its base name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return self._name


class Form(dict[str, Any]):
    """A form's fields; of a field that stands there more than once, the last. An empty optional field counts as left out."""


def parse_form(body: bytes, charset: str) -> Form:
    """Raises ParseError."""
    try:
        text = body.decode(charset)
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    try:
        return Form(parse_qsl(text, keep_blank_values=True, encoding=charset, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise ParseError(f"Form parse error - more than {_MAX_FIELDS} fields") from None


def parse_multipart(body: bytes, content_type: str, charset: str) -> Form:
    """A part without a name, or with a head that is cut off, counts as not there, as for Django. Raises ParseError."""
    boundary = _parameters(content_type).get("boundary")
    if boundary is None or not _BOUNDARY.fullmatch(boundary):
        raise ParseError(f"Multipart form parse error - Invalid boundary in multipart: {boundary}")
    separator = b"--" + boundary.encode()
    if body.count(separator) > _MAX_FIELDS + 1:
        raise ParseError(f"Multipart form parse error - more than {_MAX_FIELDS} fields")
    form, uploads = Form(), Form()
    parts = body.split(separator)
    for part in parts[:-1]:
        # The end of the line before a boundary belongs to the boundary.
        _read_part(part.removesuffix(b"\n").removesuffix(b"\r"), charset, form, uploads)
    _read_part(parts[-1], charset, form, uploads)
    # A file beats a field of the same name, wherever they stand.
    form.update(uploads)
    return form


def _read_part(part: bytes, charset: str, form: Form, uploads: Form) -> None:
    end = part.find(b"\r\n\r\n", 0, _MAX_PART_HEAD)
    if end < 0:
        if len(part) >= _MAX_PART_HEAD:
            raise ParseError("Multipart form parse error - Request max total header size exceeded.")
        return
    head, content = part[:end].decode("utf-8", "replace"), part[end + 4 :]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))}
    parameters = _parameters(headers.get("content-disposition", ""))
    if "name" not in parameters:
        return
    name = parameters["name"].strip()
    # A file box that was left empty has an empty name, and is a field.
    if filename := parameters.get("filename"):
        if base := PurePath(filename.replace("\\", "/")).name:
            uploads[name] = Upload(base)
        return
    if headers.get("content-transfer-encoding", "").lower() == "base64":
        with suppress(binascii.Error):
            content = base64.b64decode(content)
    form[name] = content.decode(charset, "replace")


def _parameters(header: str) -> dict[str, str]:
    """By their names in lower case; of one that stands there more than once, the first."""
    found: dict[str, str] = {}
    for name, written in _PARAMETER.findall(header):
        value = _ESCAPED.sub(r"\1", written[1:-1]) if written.startswith('"') else written.strip()
        if name.endswith("*"):
            # An extended value of RFC 5987: charset, language, text.
            value = unquote(value.rpartition("'")[2])
        found.setdefault(name.removesuffix("*").lower(), value)
    return found
