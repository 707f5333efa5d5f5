"""Request bodies of the REST endpoints: JSON, forms and multipart, as Django REST Framework reads them.

The texts of the errors are those that clients of the reference see (contract/rest.md, 'Bodies').
"""

from __future__ import annotations

import codecs
import json
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from aiohttp.helpers import parse_mimetype

from gateway.errors import ContentTooLarge, ParseError, UnsupportedMediaType

MEDIA_TYPES: Final = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
_MAX_FIELDS: Final = 1000
# Those that web clients use. Python knows more, among them some that are slow or no text at all.
_CHARSETS: Final = frozenset(
    {"utf-8", "utf-8-sig", "utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii"}
    | {"cp1250", "cp1251", "cp1252", "iso8859-1", "iso8859-2", "iso8859-15", "koi8-r", "shift_jis", "euc_jp", "gb18030"}
)


class Upload:
    """A file in a form: no field of a folder takes one. Its text is its base name."""

    def __init__(self, filename: str) -> None:
        self._name = PurePath(filename).name

    def __str__(self) -> str:
        return self._name


class Form(dict[str, Any]):
    """A form's fields; of a field that stands there more than once, the last. An empty optional field counts as left out."""


async def read_body(request: web.Request, max_size: int) -> Any:
    """What the body says: a Form, or any JSON value. An empty body is an empty object, whatever its type.

    Raises ContentTooLarge, UnsupportedMediaType, ParseError.
    """
    body = await read_limited(request, max_size)
    if not body:
        return {}
    header = request.headers.get(hdrs.CONTENT_TYPE, "")
    media_type = header.partition(";")[0].strip().lower()
    if media_type in ("application/json", "application/*", "*/*"):
        return _parse_json(body, _charset(header))
    if media_type == "application/x-www-form-urlencoded":
        return _parse_form(body, _charset(header))
    if media_type == "multipart/form-data":
        return _parse_multipart(body, header)
    raise UnsupportedMediaType(header)


async def read_limited(request: web.Request, max_size: int) -> bytes:
    """The body; raises ContentTooLarge without reading the rest of a larger one."""
    if request.content_length is not None and request.content_length > max_size:
        raise ContentTooLarge(max_size)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ContentTooLarge(max_size) from None


def _charset(header: str) -> str:
    name = parse_mimetype(header).parameters.get("charset", "")
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return "utf-8"
    if known not in _CHARSETS:
        raise ParseError(f'Unsupported charset "{name}" in request Content-Type header.')
    return known


def _parse_json(body: bytes, charset: str) -> Any:
    try:
        return json.loads(_decode(body, charset), parse_constant=_refuse_constant)
    except ValueError as error:
        raise ParseError(f"JSON parse error - {error}") from None
    except RecursionError:
        raise ParseError("JSON parse error - the document is nested too deeply") from None


def _decode(body: bytes, charset: str) -> str:
    # A character that is cut off at the very end is dropped, as a stream reader does.
    decoder = codecs.getincrementaldecoder(charset)()
    text = decoder.decode(body)
    if text.startswith("\ufeff"):
        raise ValueError("Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)")
    return text


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"Out of range float values are not JSON compliant: {name!r}")


def _parse_form(body: bytes, charset: str) -> Form:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        charset = "latin-1" if charset == "utf-8" else charset
    try:
        text = body.decode("latin-1")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, encoding="latin-1")
    except ValueError:
        raise ParseError(f"Form parse error - more than {_MAX_FIELDS} fields") from None
    # Percent signs first, then the charset: the bytes of a character can be written either way.
    return Form(
        (name.encode("latin-1").decode(charset, "replace"), value.encode("latin-1").decode(charset, "replace"))
        for name, value in pairs
    )


def _parse_multipart(body: bytes, header: str) -> Form:
    if not parse_mimetype(header).parameters.get("boundary"):
        raise ParseError("Multipart form parse error - Invalid boundary in multipart: None")
    # The parser of mail takes whatever comes and never fails; what it finds malformed has no fields.
    head = f"Content-Type: {header}\r\n\r\n".encode("utf-8", "surrogateescape")
    try:
        parts = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
    except RecursionError:
        raise ParseError("Multipart form parse error - the body is nested too deeply") from None
    form, uploads = Form(), Form()
    for count, part in enumerate(parts):
        if count >= _MAX_FIELDS:
            raise ParseError(f"Multipart form parse error - more than {_MAX_FIELDS} fields")
        name = part.get_param("name", header="Content-Disposition")
        if not isinstance(name, str) or part.is_multipart():
            continue
        if filename := part.get_filename():
            uploads[name] = Upload(filename)
        else:
            content = part.get_payload(decode=True)
            form[name] = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    # A file beats a field of the same name, wherever they stand.
    form.update(uploads)
    return form
