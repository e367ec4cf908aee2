"""The card, ``model.json``: what a model is, what it was trained on, and how well it did."""

import hashlib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


class DatasetCard(BaseModel):
    """A file trained on: its name, SHA-256 in hexadecimal, and rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: str
    rows: int


class Preprocessing(BaseModel):
    """How a text becomes weighted terms; see scikit-learn's ``TfidfVectorizer``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Literal["words, lower case"] = "words, lower case"
    token_pattern: Annotated[str, AfterValidator(_pattern)]
    norm: Literal["l2"] = "l2"


class HashedPreprocessing(BaseModel):
    """How a text becomes rows of a table: see `fyke.model.folding` and `fyke.model.hashing`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Literal["folded text, runs of bytes, words and pairs, hashed"] = (
        "folded text, runs of bytes, words and pairs, hashed"
    )
    runs: list[int]
    readings: list[tuple[int, float, float]]  # bytes from the beginning, their share in the score and in the gate
    bits: int
    limit: int
    unicode: str


class DeepPreprocessing(BaseModel):
    """How a text becomes tokens, and by which files tokens become a vector: see `fyke.model.encoding`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Literal["beginning of the folded text, WordPiece"] = "beginning of the folded text, WordPiece"
    limit: int
    unicode: str
    files: dict[str, str]


class CascadePreprocessing(BaseModel):
    """Both readings of a text: the fast model's and the deep one's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fast: HashedPreprocessing
    deep: DeepPreprocessing


AnyPreprocessing = Preprocessing | HashedPreprocessing | DeepPreprocessing | CascadePreprocessing


class Calibration(BaseModel):
    """Platt's scaling of the whole, already in the weights: log-odds are ``scale`` times the fitted ones, plus
    ``shift`` (in recipe ``default`` those of experts that were each scaled before).

    ``rows`` are the validation rows that it was fitted on, ``prior`` the share of phishing among them; ``figures`` are
    those rows' before the model was fitted again on all rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: float
    shift: float
    rows: int
    prior: float
    figures: dict[str, float]


class OperatingPoint(BaseModel):
    """A threshold, and what it costs and finds on the validation rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: str
    threshold: float
    false_positive_rate: float
    recall: float


class ScoredText(BaseModel):
    """A text and the score that the model gave it in training: see `fyke.model.selftest`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    score: float


class SplitCard(BaseModel):
    """How rows were parted, so that the held-out ones can be found again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["random"] = "random"
    test_size: float = 0.2
    random_state: int = 42
    train_rows: int
    test_rows: int


class Spread(BaseModel):
    """How values are spread: ``counts[i]`` lie from ``edges[i - 1]`` to below ``edges[i]``, open at both ends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    edges: list[float]
    counts: list[int]
    median: float


class Profile(BaseModel):
    """What held-out rows looked like under the model, to compare new mail with: see `fyke.model.profile`.

    ``scores`` are probabilities of phishing; ``unknown_words`` are each text's share of words that the model does not
    know; ``characters`` are lengths.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    scores: Spread
    unknown_words: Spread | None
    characters: Spread


_LATER = ("calibration", "policies", "background", "profile", "self_test")


class Card(BaseModel):
    """Everything about a model but its weights. ``digest`` covers all the rest of the card."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    format: Literal[1] = 1
    model_id: str
    recipe: str
    preprocessing: AnyPreprocessing
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
    calibration: Calibration | None = None
    policies: list[OperatingPoint] | None = None
    background: DatasetCard | None = None
    profile: Profile | None = None
    self_test: list[ScoredText] | None = None
    digest: str = ""

    @property
    def files(self) -> dict[str, str]:
        """Files of the directory beside weights and card, and the SHA-256 of each."""
        said = self.preprocessing
        deep = said.deep if isinstance(said, CascadePreprocessing) else said
        return deep.files if isinstance(deep, DeepPreprocessing) else {}

    def true_digest(self) -> str:
        """SHA-256, in hexadecimal, of the card's fields but ``digest``, as JSON with sorted keys.

        Fields that came later count only where they are filled, so that older cards keep their digest.
        """
        absent = {name for name in _LATER if getattr(self, name) is None}
        said = json.dumps(self.model_dump(mode="json", exclude={"digest", *absent}), sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()
