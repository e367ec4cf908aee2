"""The page and its views: files out of memory, under a policy that lets nothing in from elsewhere."""

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_VIEWS = {"cache": "cache.html", "model": "model.html"}

router = APIRouter(include_in_schema=False)


class _File(NamedTuple):
    body: bytes
    zipped: bytes
    media: str
    tag: str


@cache
def _files() -> dict[str, _File]:
    """Every file of the page by its name."""
    found = {}
    for path in files("fyke.service").joinpath("page").iterdir():
        media = _MEDIA.get(path.name[path.name.rfind(".") :])
        if media is not None:
            body = path.read_bytes()
            tag = hashlib.blake2b(body, digest_size=12).hexdigest()
            found[path.name] = _File(body, gzip.compress(body, mtime=0), media, tag)
    return found


@router.api_route("/", methods=["GET", "HEAD"])
async def home(request: Request) -> Response:
    """The page for a browser, a few lines for everything else."""
    if "text/html" in request.headers.get("accept", ""):
        return _sent(request, "index.html", {"vary": "accept, accept-encoding"})
    return PlainTextResponse(_in_words(request), headers={"vary": "accept, accept-encoding"})


@router.api_route("/ui/{name}", methods=["GET", "HEAD"])
async def view(name: str, request: Request) -> Response:
    """A view, or a file that it needs."""
    return _sent(request, _VIEWS.get(name, name), {"vary": "accept-encoding"})


def _sent(request: Request, name: str, headers: dict[str, str]) -> Response:
    file = _files().get(name)
    if file is None:
        raise HTTPException(404, "There is no such view; there is /, /ui/cache and /ui/model.")
    zips = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{file.tag}{"-gzip" if zips else ""}"'
    headers = HEADERS | headers | {"etag": tag}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    if zips:
        headers["content-encoding"] = "gzip"
    return Response(file.zipped if zips else file.body, media_type=file.media, headers=headers)


def _in_words(request: Request) -> str:
    base = str(request.base_url).rstrip("/")
    return (
        "Fyke classifies e-mail as phishing or safe, and never computes the same verdict twice.\n\n"
        f"model  {request.app.state.model.card.model_id}\n"
        f"cache  {request.app.state.where}\n\n"
        f"curl -H 'Content-Type: application/json' -d '{{\"text\": \"you have won a prize\"}}' {base}/predict\n"
        f"curl -F file=@mail.eml {base}/predict/message\n\n"
        f"{base}/docs   every route\n{base}/model  the model's card\n\n"
        "In a browser this address shows a page.\n"
    )
