"""``fyke keys``: make, list and revoke API keys; a running service takes the change up within a second."""

from collections.abc import Sequence
from pathlib import Path

import typer

from fyke.cli.console import err, grid, out
from fyke.errors import SettingsError
from fyke.service.keyfile import changing
from fyke.service.keys import ApiKey, new_key, read_keys, write_keys
from fyke.settings import load


def add(file: Path | None, name: str, scopes: Sequence[str], namespace: str | None, rate: str | None) -> None:
    """Make a key, keep its digest, and print it: it cannot be shown again.

    Raises:
        SettingsError: there is such a name, or one of these cannot be.
    """
    path, own = _file(file)
    token, kept = new_key(name, scopes, namespace or own, rate)
    with changing(path):
        keys = read_keys(path) if path.exists() else ()
        if any(key.name == name for key in keys):
            raise SettingsError(f"There is a key {name!r} in {path}; choose another name, or revoke it first.")
        write_keys(path, [*keys, kept])
    err.print(
        f"Key {name!r} in {path}: {', '.join(sorted(kept.scopes))}; namespace {kept.namespace}. It is shown this once:",
        markup=False,
        highlight=False,
    )
    typer.echo(token)


def show(file: Path | None) -> None:
    """Every key but its text."""
    path, _ = _file(file)
    table = grid("name", "scopes", "namespace", "rate", "created (UTC)")
    for key in read_keys(path):
        created = key.created[:16].replace("T", " ")
        table.add_row(key.name, ", ".join(sorted(key.scopes)), key.namespace, key.rate or "", created)
    out.print(table, markup=False)


def revoke(file: Path | None, name: str) -> None:
    """Forget a key.

    Raises:
        SettingsError: there is none of this name.
    """
    path, _ = _file(file)
    with changing(path):
        keys = read_keys(path)
        left: list[ApiKey] = [key for key in keys if key.name != name]
        if len(left) == len(keys):
            raise SettingsError(f"There is no key {name!r} in {path}; fyke keys ls names them.")
        write_keys(path, left)
    typer.echo(f"Revoked {name}; {len(left)} left.")


def _file(given: Path | None) -> tuple[Path, str]:
    settings = load(keys_file=given)
    if settings.keys_file is None:
        raise SettingsError("Name the file of keys with --file or FYKE_KEYS_FILE.")
    return settings.keys_file, settings.cache_namespace
