"""Request bodies of the REST endpoints: JSON, forms and multipart, as Django REST Framework reads them.

The texts of the errors are those that clients of the reference see (contract/rest.md, 'Bodies').
"""

from __future__ import annotations

import codecs
import encodings
import json
import re
from encodings import normalize_encoding
from encodings.aliases import aliases
from pkgutil import iter_modules
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.helpers import parse_mimetype

from gateway.errors import ContentTooLarge, ParseError, RequestTimeout, UnsupportedMediaType
from gateway.http.compression import decompress
from gateway.http.forms import parse_form, parse_multipart
from gateway.http.json import refuse_constant

MEDIA_TYPES: Final = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
# The curl commands that the product's API reference prints send `type=home` as application/json:
# what can only be a folder's fields as a form, and never JSON, is taken for what it is.
_PRINTED_FORM: Final = re.compile(rb"(?:type|protocol|path)=[^&]*(?:&(?:type|protocol|path)=[^&]*)*")
_CODECS: Final = frozenset(module.name for module in iter_modules(encodings.__path__))
# By Python's names: Unicode's, and those of the Encoding Standard of the web. Python knows more, among them some that are
# slow or no text at all.
_CHARSETS: Final = frozenset(
    {"utf-8", "utf-8-sig", "utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii"}
    | {f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)}
    | {f"cp{page}" for page in (866, *range(1250, 1259))}
    | {"koi8-r", "koi8-u", "mac-roman"}
    | {"big5", "euc_jp", "euc_kr", "gb18030", "gbk", "iso2022_jp", "shift_jis"}
)


async def read_body(request: web.Request, max_size: int) -> Any:
    """What the body says: a Form, or any JSON value. An empty body is an empty object, whatever its type.

    Raises UnsupportedMediaType, and as `read_limited`.
    """
    body = await read_limited(request, max_size)
    if not body:
        return {}
    header = request.headers.get(hdrs.CONTENT_TYPE, "")
    media_type = header.partition(";")[0].strip().lower()
    if media_type in ("application/json", "application/*", "*/*"):
        return _parse_json(body, _charset(header))
    if media_type == "application/x-www-form-urlencoded":
        return parse_form(body, _charset(header))
    if media_type == "multipart/form-data":
        return parse_multipart(body, header, _charset(header))
    raise UnsupportedMediaType(header)


async def read_limited(request: web.Request, max_size: int) -> bytes:
    """The body; it can be read once.

    Raises ContentTooLarge without reading the rest of a larger one, ParseError on broken gzip or chunks,
    UnsupportedEncoding on any other coding, and RequestTimeout where it does not arrive in time.
    """
    if request.content_length is not None and request.content_length > max_size:
        raise ContentTooLarge(max_size)
    try:
        if has_arrived(request):
            # `read` would look for more, step by step.
            body = request.content.read_nowait()
            if len(body) > max_size:
                raise ContentTooLarge(max_size)
        else:
            body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ContentTooLarge(max_size) from None
    except TimeoutError:
        raise RequestTimeout from None
    except (web.RequestPayloadError, ConnectionError):
        # The client broke off, or its encoding is wrong: nothing failed here.
        raise ParseError("The request body is incomplete or wrongly encoded.") from None
    codings = request.headers.getall(hdrs.CONTENT_ENCODING, None)
    return body if codings is None or not body else decompress(body, ",".join(codings), max_size)


def has_arrived(request: web.Request) -> bool:
    """Whether the body is here, whole."""
    content = request.content
    return content.is_eof() and content.exception() is None


def _charset(header: str) -> str:
    name = parse_mimetype(header).parameters.get("charset", "")
    try:
        known = codecs.lookup(_codec_of(name)).name
    except LookupError:
        return "utf-8"
    if known not in _CHARSETS:
        raise ParseError(f'Unsupported charset "{name}" in request Content-Type header.')
    return known


def _codec_of(name: str) -> str:
    """As `codecs.lookup` finds it, which keeps all that it was ever asked for. Raises LookupError."""
    normal = normalize_encoding(name).lower()
    known = aliases.get(normal) or aliases.get(normal.replace(".", "_"))
    if known is None and normal not in _CODECS:
        raise LookupError
    return known or normal


def _parse_json(body: bytes, charset: str) -> Any:
    try:
        return json.loads(_decode(body, charset), parse_constant=refuse_constant)
    except ValueError as error:
        if _PRINTED_FORM.fullmatch(body):
            return parse_form(body, charset)
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
