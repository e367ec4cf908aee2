"""Documentation stays true."""

from fyke.settings import Settings
from tests.conftest import ROOT


def settings_table() -> str:
    """The table in docs/settings.md, from the settings themselves."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "user state directory" if name == "cache_dir" else field.default
        rows.append(f"| `FYKE_{name.upper()}` | {'' if default is None else f'`{default}`'} | {field.description} |")
    return "\n".join(rows)


def test_the_settings_table_is_the_settings() -> None:
    """docs/settings.md lists every setting with its default and meaning."""
    assert settings_table() in (ROOT / "docs" / "settings.md").read_text()


def test_every_setting_has_help() -> None:
    """No setting goes without a description."""
    assert all(field.description for field in Settings.model_fields.values())
