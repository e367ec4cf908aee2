"""Messages as they come over HTTP: as the body itself, or as the one file of a form."""

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from fyke.mail.limits import Limits
from fyke.mail.reading import read_message
from fyke.mail.report import report
from fyke.service.reading import is_quick

MEDIA = ("message/rfc822", "message/global", "application/octet-stream")
FORM = "multipart/form-data"
THREADS = 2  # so that one hostile message does not keep all others waiting
SEND = "Send a message as message/rfc822, or as the one file of a form, like curl -F file=@mail.eml."

_BINARY = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": _BINARY["schema"]},
    "maxProperties": 1,
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A message as it came (RFC 5322), or the one file of a form; the field's name does not matter.",
        "content": {
            **dict.fromkeys(MEDIA, _BINARY),
            FORM: {"schema": _FORM},
        },
    }
}


class Read(NamedTuple):
    """What was read of a message: the text that the model sees, and what the answer says beside the prediction."""

    text: str
    report: dict[str, Any]


class MessageReader:
    """Reads messages within limits: short plain ones at once, HTML and long ones in a thread.

    ``trusted`` names the servers whose authentication results count (authserv-ids).
    """

    def __init__(self, limits: Limits, trusted: Collection[str] = ()):
        self._limits = limits
        self._trusted = trusted
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fyke-mail")

    async def receive(self, request: Request) -> bytes:
        """The bytes of the message in a request.

        Raises:
            HTTPException: 400 for a broken form, 415 for another content type or encoding, 422 for no message in it.
        """
        raw = await _body(request, self._limits.bytes + 1)
        if not raw.strip():
            raise HTTPException(422, f"body: there is no message in it. {SEND}")
        return raw

    async def read(self, raw: bytes) -> Read:
        """What is read of it."""
        if is_quick(raw):
            return self._read(raw)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, raw)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, raw: bytes) -> Read:
        message = read_message(raw, self._limits)
        return Read(message.text, report(message, self._trusted))


async def _body(request: Request, most: int) -> bytes:
    """The first bytes of the message in a request; what is beyond is received and dropped."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise HTTPException(415, f"content-encoding: {encoding!r} is not undone here; send the message as it is.")
    kind = request.headers.get("content-type", MEDIA[-1]).partition(";")[0].strip().lower()
    if kind == FORM:
        return await _uploaded(request, most)
    if kind not in MEDIA:
        raise HTTPException(415, f"content-type: {kind!r} is not read here. {SEND} A text goes to /predict.")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk[: most - len(received)]
    return bytes(received)


async def _uploaded(request: Request, most: int) -> bytes:
    """The first bytes of the one file of a form; while it comes it lies on disk where it is large."""
    try:
        form = await request.form(max_files=2, max_fields=2)
    except HTTPException as error:
        raise HTTPException(400, f"The form cannot be read: {error.detail} {SEND}") from error
    try:
        fields = form.multi_items()
        (_, file), *more = fields or [("", "")]
        if more or not isinstance(file, UploadFile):
            raise HTTPException(422, f"file: {len(fields)} fields; send one, which is a file. {SEND}")
        return await file.read(most)
    finally:
        await form.close()
