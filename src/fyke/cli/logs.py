"""The service's log on stderr: a line of JSON for each event, and on a terminal lines for reading.

A traceback is logged without the words of its exceptions, and without values: they may quote a mail.
"""

import logging
import sys
import traceback
from types import TracebackType

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from fyke.cli.console import err

_FIELDS = ["method", "route", "status", "tier", "ms"]  # of the access log


def configure() -> None:
    """Send all logging there, from INFO up."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=_FIELDS),
        _first_line_of_asyncio,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(told),
    ]
    last: Processor = structlog.processors.JSONRenderer()
    if err.is_terminal:
        colours = err.color_system is not None and not err.no_color
        last = structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a broken form is its sender's trouble


def told(exc_info: ExcInfo) -> str:
    """A traceback of places and types."""
    lines = ["Traceback (places and types only):"]
    error: BaseException | None = exc_info[1]
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        lines += _places(error.__traceback__)
        lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _places(trace: TracebackType | None) -> list[str]:
    return [f'  File "{one.filename}", line {one.lineno}, in {one.name}' for one in traceback.extract_tb(trace)]


def _first_line_of_asyncio(_: object, __: str, event: EventDict) -> EventDict:
    """asyncio tells of a task with its exception's words; the first line says what happened."""
    if event.get("logger") == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    return event
