"""The card, ``model.json``: what a model is, what it was trained on, and how well it did."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class DatasetCard(BaseModel):
    """A file trained on: its name, SHA-256 in hexadecimal, and rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: str
    rows: int


class SplitCard(BaseModel):
    """How rows were parted, so that the held-out ones can be found again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["random"] = "random"
    test_size: float = 0.2
    random_state: int = 42
    train_rows: int
    test_rows: int


class Card(BaseModel):
    """Everything about a model but its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    format: Literal[1] = 1
    model_id: str
    recipe: str
    preprocessing: dict[str, Any]
    weights_sha256: str
    versions: dict[str, str]
    datasets: list[DatasetCard]
    rows: int
    label_counts: dict[str, int]
    text_column: str
    label_column: str
    label_map: dict[str, str] | None = None
    split: SplitCard
    figures: dict[str, Any]
    trained_at: str
    training_seconds: float
