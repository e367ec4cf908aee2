"""Nearest neighbours over a shop's catalogue as a model that can be cached: a basket in, similar products out.

What the model sees of a basket is the set of its products: neither their order nor how often each is there. What
else an answer depends on is the catalogue, so the catalogue's digest is in the model's id, and another catalogue
is another model.
"""

import csv
import hashlib
import json
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MultiLabelBinarizer

CATALOGUE = Path(__file__).with_name("catalogue.csv")
MOST = 20  # products in an answer
PREPROCESSING = "tf-idf of name, category and description; sum over the basket; cosine; 20 best"

Ranked: TypeAlias = list[list[Any]]  # [[product id, similarity], ...], the best first: what JSON gives back


class UnknownProduct(LookupError):
    """A basket with a product that the catalogue does not have; the text names it."""

    def __str__(self) -> str:
        return f"There is no product {self.args[0]!r}; GET /products lists all."


class Product(NamedTuple):
    """A row of the catalogue; ``price`` as it is printed."""

    id: str
    name: str
    category: str
    price: str
    description: str


class Recommender:
    """Ranks a catalogue by how similar its products are to a basket, fitted when it is made.

    Raises:
        OSError: the catalogue cannot be read.
        ValueError: it lacks a column or has an id twice.
    """

    def __init__(self, catalogue: Path = CATALOGUE):
        raw = catalogue.read_bytes()
        versions = [version(library) for library in ("scikit-learn", "scipy", "numpy")]
        digest = hashlib.blake2b(json.dumps([PREPROCESSING, versions]).encode() + raw, digest_size=16)
        self.id = f"neighbours-{digest.hexdigest()}"
        self.products = read_catalogue(raw.decode(), str(catalogue))
        self._ids = list(self.products)
        self._chosen: Any = MultiLabelBinarizer(classes=self._ids, sparse_output=True).fit([])
        texts = [f"{one.name} {one.category} {one.description}" for one in self.products.values()]
        self._rows: Any = TfidfVectorizer(stop_words="english").fit_transform(texts)
        self._neighbours: Any = NearestNeighbors(metric="cosine").fit(self._rows)

    def canonical(self, item: Collection[str]) -> bytes:
        """What the model sees of a basket: its products, sorted, each once.

        Raises:
            UnknownProduct: as said there.
        """
        for product in item:
            if product not in self.products:
                raise UnknownProduct(product)
        return json.dumps(sorted(set(item))).encode()

    def predict_many(self, items: Sequence[Collection[str]]) -> list[Ranked]:
        """For each basket the 20 products most like it and not in it, with similarities above 0, to 1."""
        chosen = self._chosen.transform(items)
        chosen.sort_indices()  # sums do not depend on the order of a basket, down to the last bit
        distances, order = self._neighbours.kneighbors(chosen @ self._rows, n_neighbors=len(self.products))
        return [self._rank(set(item), *near) for item, *near in zip(items, distances, order, strict=True)]

    def _rank(self, basket: set[str], distances: Any, order: Any) -> Ranked:
        scored = [(round(1.0 - float(far), 6), self._ids[index]) for far, index in zip(distances, order, strict=True)]
        scored.sort(key=lambda pair: (-pair[0], pair[1]))
        return [[product, score] for score, product in scored if score > 0 and product not in basket][:MOST]


def read_catalogue(text: str, name: str) -> dict[str, Product]:
    """The products of a CSV file by id, in its order.

    Raises:
        ValueError: a column is missing, or an id comes twice; names the line.
    """
    rows = csv.DictReader(text.splitlines())
    missing = [field for field in Product._fields if field not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(f"{name} has no column {missing[0]!r}")
    products: dict[str, Product] = {}
    for row in rows:
        product = Product(*(row[field] or "" for field in Product._fields))
        if product.id in products:
            raise ValueError(f"{name}, line {rows.line_num}: product {product.id!r} is there already")
        products[product.id] = product
    return products
