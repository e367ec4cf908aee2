"""Settings: frozen, from ``FYKE_*`` environment variables; the only reader of the environment."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fyke.errors import SettingsError

MOST_SECONDS = 10 * 365 * 86_400  # ten years
ANY_HOST = "*"


def _or_none(value: object) -> object:
    return None if value == "none" else value


def _named(value: object) -> object:
    if value == "":
        raise ValueError("it is empty; name a directory, or leave the variable unset")
    return value


def _names(value: object) -> object:
    return [name.strip().lower() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _shown(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isprintable() and value):
        raise ValueError("it is no key; `fyke keys add` prints one")
    return value


def _matching(value: object, pattern: str, remedy: str) -> object:
    """Names, each of which must match; ``remedy`` says what is wrong else, and what to do."""
    names = _names(value)
    for name in names if isinstance(names, list) else ():
        if not re.fullmatch(pattern, name):
            raise ValueError(f"{name!r} is no {remedy}")
    return names


def _origins(value: object) -> object:
    pattern = r"https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?"
    return _matching(value, pattern, "origin; give some like https://mail.example.org, separated by commas")


def _hosts(value: object) -> object:
    pattern = r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]|\*"
    return _matching(value, pattern, "host; give some like mail.example.org without ports, or *")


def _networks(value: object) -> object:
    names = _names(value)
    for name in names if isinstance(names, list) else ():
        try:
            ipaddress.ip_network(name, strict=False)
        except ValueError:
            raise ValueError(f"{name!r} is no address; give some like 10.0.0.7 or 10.0.0.0/8") from None
    return names


_SHOWN = BeforeValidator(_shown)
_HOSTS = BeforeValidator(_hosts)
_ORIGINS = BeforeValidator(_origins)
_NETWORKS = BeforeValidator(_networks)
_NAMES = BeforeValidator(_names)
_OR_NONE = BeforeValidator(_or_none)
_NAMED = BeforeValidator(_named)


class Settings(BaseSettings):
    """Everything that can be set. Flags of the command line come before the environment."""

    model_config = SettingsConfigDict(env_prefix="FYKE_", frozen=True, extra="ignore", allow_inf_nan=False)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=256, description="Processes that serve; they share predictions through the store.")
    access_log: bool = Field(False, description="Logs each request; every one then takes the slower way.")
    keys_file: Annotated[Path | None, _NAMED] = Field(
        None, description="File of API keys (`fyke keys add`), read again when it changes; unset asks for no keys."
    )
    insecure: bool = Field(False, description="Lets who can reach an address beyond this machine in without a key.")
    api_key: Annotated[SecretStr | None, _SHOWN] = Field(
        None, description="API key that `fyke smoke` and `fyke cache stats` show to the service that they ask."
    )
    rate_limit: str | None = Field(
        None,
        pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$",
        description="Texts and other requests for each API key, over all workers and replicas of one Redis, like "
        "`100/minute`; a key may have its own.",
    )
    rate_limit_fails: Literal["open", "closed"] = Field(
        "open", description="While Redis does not answer, `open` has each process count alone, `closed` refuses."
    )
    cors_origins: Annotated[frozenset[str], NoDecode, _ORIGINS] = Field(
        frozenset(),
        description="Origins whose pages may call the service, like `https://mail.example.org`, separated by commas.",
    )
    trusted_proxies: Annotated[frozenset[str], NoDecode, _NETWORKS] = Field(
        frozenset(),
        description="Addresses and networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, "
        "separated by commas.",
    )
    allowed_hosts: Annotated[frozenset[str], NoDecode, _HOSTS] = Field(
        frozenset(),
        description="More names by which the service may be asked for (`Host`), without ports, separated by commas; "
        "beyond them and what no web page can be called, 421; `*` allows all. Unset allows all with keys or on an "
        "address beyond this machine.",
    )
    model: Annotated[Path | None, _NAMED] = Field(None, description="Model directory; unset serves the shipped model.")
    model_follow: float = Field(
        5, ge=0, le=86_400, description="Seconds between looks at the model directory for another model; 0 never looks."
    )
    drain_seconds: float = Field(
        0,
        ge=0,
        le=3600,
        description="Seconds between SIGTERM, when `/readyz` turns 503, and the end of new connections.",
    )
    stop_seconds: int = Field(
        30, ge=1, le=3600, description="Seconds after that which accepted requests have until they are cut off."
    )
    max_body_bytes: int = Field(2**20, ge=1, description="Largest request body in bytes; beyond it, 413.")
    max_batch: int = Field(1024, ge=1, description="Largest number of texts in one batch; beyond it, 413.")
    max_message_bytes: int = Field(
        32 * 2**20, ge=1, description="Largest request body of `POST /predict/message` in bytes; beyond it, 413."
    )
    max_held_bytes: int = Field(
        256 * 2**20,
        ge=1,
        description="Bytes of all request bodies that a process holds at a time, at least the largest; beyond it, 503.",
    )
    max_text_chars: int = Field(2**20, ge=1, description="Longest text of a request in characters; beyond it, 413.")
    max_waiting: int = Field(1000, ge=1, description="Requests that may wait for the model at a time; beyond it, 503.")
    max_wait_ms: float = Field(
        1000, gt=0, description="Milliseconds that a request may have to wait for those before it; beyond it, 503."
    )
    max_connections: int = Field(1000, ge=1, description="Open connections of a process; beyond it, 503.")
    head_seconds: float = Field(10, gt=0, description="Seconds that a client may take to send a request's head.")
    body_seconds: float = Field(
        60, gt=0, description="Seconds that a client may take to send a request's body, and to read any of an answer."
    )
    mail_bytes: int = Field(32 * 2**20, ge=1, description="Bytes of a message that are read; what is beyond is cut.")
    mail_depth: int = Field(20, ge=1, le=200, description="Multiparts and forwards inside each other that are read.")
    mail_parts: int = Field(500, ge=1, description="Parts of a message that are read, containers included.")
    mail_header_bytes: int = Field(16 * 1024, ge=1, description="Bytes of a header's value that are read.")
    mail_html_depth: int = Field(256, ge=1, description="HTML elements inside each other that are read.")
    mail_text_chars: int = Field(200_000, ge=1, description="Characters of a message's text that the model sees.")
    mail_seconds: float = Field(1.0, gt=0, description="Seconds of processor time that reading a message may take.")
    mail_trusted: Annotated[frozenset[str], NoDecode, _NAMES] = Field(
        frozenset(),
        description="Names of the mail servers (authserv-ids) whose `Authentication-Results` are believed, "
        "separated by commas.",
    )
    policy: str = Field(
        "balanced",
        description="How a label is read from a score: balanced (0.5), max-fpr=0.005 and others that the model's card "
        "has (`fyke model show`), or cost=10:1 where a false alarm costs ten missed phishing mails.",
    )
    prior: Annotated[float | None, _OR_NONE] = Field(
        None, gt=0, lt=1, description="Share of phishing in your mail, for a calibrated model; none as in training."
    )
    abstain: float = Field(
        0.0, ge=0, le=0.5, description="Scores so near the threshold are said to be uncertain; 0 says it of none."
    )
    cache_url: str = Field(
        "auto",
        description="Where predictions are kept: redis://, rediss://, unix://, redis+sentinel://, redis+cluster://, "
        "embedded://, memory://, none:// or auto (a Redis that answers on localhost:6379, else the embedded server, "
        "else memory).",
    )
    cache_ttl: float = Field(3600, ge=1, le=MOST_SECONDS, description="Seconds that a prediction is kept.")
    cache_jitter: float = Field(0.1, ge=0, lt=1, description="Largest share by which a TTL is shortened at random.")
    cache_secret: SecretStr | None = Field(
        None,
        description="Secret that keys digests and seals entries, shared by all replicas of one Redis; the "
        "embedded server makes and keeps its own.",
    )
    cache_namespace: str = Field(
        "default",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="Keeps tenants of one Redis apart: 1 to 64 letters, digits, '_', '.' or '-'.",
    )
    cache_preview_words: int = Field(7, ge=0, le=7, description="First words kept for listings; 0 keeps none.")
    cache_deadline_ms: float = Field(50, gt=0, le=60_000, description="Milliseconds that a lookup or a write may take.")
    cache_dir: Annotated[Path, _NAMED] = Field(
        default_factory=lambda: platformdirs.user_state_path("fyke") / "cache",
        description="Directory of the embedded server's data and secret.",
    )
    cache_max_bytes: int = Field(256 * 2**20, ge=2**20, description="Memory limit in bytes of the embedded server.")
    cache_max_age: Annotated[float | None, _OR_NONE] = Field(
        None,
        ge=1,
        le=MOST_SECONDS,
        description="Seconds after which a prediction is made anew whatever its TTL; none never.",
    )
    cache_memory_entries: int = Field(100_000, ge=0, description="Entries in each process's memory; 0 turns it off.")
    cache_memory_bytes: int = Field(64 * 2**20, ge=0, description="Bytes of each process's memory; 0 turns it off.")
    cache_lease_ms: Annotated[float | None, _OR_NONE] = Field(
        100,
        ge=0,
        description="A model whose predictions take at least so many milliseconds computes a missed key in one "
        "process of many; none never.",
    )
    cache_admission: Literal["always", "auto"] = Field(
        "always", description="auto skips the store while computing is measured to be cheaper than asking."
    )
    cache_verify: float = Field(0.001, ge=0, le=1, description="Share of hits computed again and compared.")
    allow_purge: bool = Field(
        False,
        description="Where no keys are asked for: lets people at this machine purge, on the page and by "
        "`POST /cache/purge`.",
    )


class Traces(BaseSettings):
    """Whether OpenTelemetry is to trace, by its own variables; its SDK reads the others itself."""

    model_config = SettingsConfigDict(env_prefix="OTEL_", frozen=True, extra="ignore", env_ignore_empty=True)

    sdk_disabled: bool = False
    traces_exporter: str | None = None
    exporter_otlp_endpoint: str | None = None
    exporter_otlp_traces_endpoint: str | None = None

    @property
    def exporter(self) -> str:
        """Where spans go: ``otlp``, ``console`` or ``none``; ``otlp`` unsaid where an endpoint is."""
        if self.sdk_disabled:
            return "none"
        if self.traces_exporter is not None:
            return self.traces_exporter
        return "otlp" if self.exporter_otlp_endpoint or self.exporter_otlp_traces_endpoint else "none"


def load_traces() -> Traces:
    """OpenTelemetry's variables.

    Raises:
        SettingsError: one cannot be.
    """
    try:
        traces = Traces()
    except ValidationError as error:
        raise SettingsError(
            "; ".join(f"OTEL_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        ) from None
    if traces.exporter not in ("otlp", "console", "none"):
        raise SettingsError(f"OTEL_TRACES_EXPORTER: {traces.exporter!r} is none of otlp, console and none.")
    return traces


def key_headers() -> dict[str, str]:
    """The headers that show `Settings.api_key` to a service; none where it is not set.

    Raises:
        SettingsError: as `load`.
    """
    key = load().api_key
    return {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}


def quieten_ray() -> None:
    """Have a Ray that this process starts report its use to nobody and say less, unless the user wants otherwise."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # every actor pool of Ray Data is an error to it


def load(**flags: Any) -> Settings:
    """The settings in force: ``flags`` that are not None, then the environment, then the defaults.

    Raises:
        SettingsError: names each setting that cannot be, and why.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        problems = [f"FYKE_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        raise SettingsError("; ".join(problems)) from None
