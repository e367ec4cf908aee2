"""scikit-learn's handwritten digits as a model that can be cached: a PNG in, ten probabilities out.

What the model sees of an image is 8 by 8 levels of ink, 0 to 16. Those 64 bytes are its canonical bytes, and it
predicts from them alone: however an image was compressed, tagged or enlarged, equal bytes give equal predictions.
"""

import hashlib
import io
import json
import struct
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split

SIDE, LEVELS, DIGITS = 8, 16, 10
MAX_PIXELS = 512 * 512
PREPROCESSING = "light ink on black, grey, area mean to 8x8, 17 levels"
_TEN = struct.Struct("<10d")


class UnreadableImage(ValueError):
    """Bytes that are no PNG within the limits; the text says what to send instead."""


class DigitModel:
    """A forest over 64 levels of ink, fitted when it is made (a tenth of a second)."""

    def __init__(self, trees: int = 50):
        inks, _, digits, _ = split()
        self.forest: Any = ExtraTreesClassifier(trees, random_state=0).fit(inks, digits)
        self.id = f"digits-{_fingerprint(self.forest)}"

    def canonical(self, item: bytes) -> bytes:
        """What the model sees of a PNG: 64 levels from 0 to 16, row by row.

        Raises:
            UnreadableImage: as said there.
        """
        grey = np.asarray(_read(item).resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.uint16)
        return ((grey * LEVELS + 127) // 255).astype(np.uint8).tobytes()

    def predict_many(self, items: Sequence[bytes]) -> list[tuple[float, ...]]:
        """The probabilities of the digits 0 to 9 for each PNG, in order."""
        return self.predict_canonical([self.canonical(item) for item in items])

    def predict_canonical(self, blobs: Sequence[bytes]) -> list[tuple[float, ...]]:
        """The same from canonical bytes. A forest adds up each row alone: company does not change a prediction."""
        inks = np.frombuffer(b"".join(blobs), dtype=np.uint8).reshape(-1, SIDE * SIDE)
        return [tuple(row) for row in self.forest.predict_proba(inks).tolist()]

    def encode(self, prediction: tuple[float, ...]) -> bytes:
        """Ten probabilities as 80 bytes."""
        return _TEN.pack(*prediction)

    def decode(self, payload: bytes) -> tuple[float, ...]:
        """The ten probabilities from 80 bytes.

        Raises:
            ValueError: these are not ten probabilities.
        """
        ten = _TEN.unpack(payload) if len(payload) == _TEN.size else ()
        if not ten or not all(0.0 <= one <= 1.0 for one in ten):
            raise ValueError("not ten probabilities")
        return ten


def split() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The data set as training inks (1347, 64), test inks (450, 64), training digits, test digits."""
    inks, digits = load_digits(return_X_y=True)
    parts = train_test_split(inks, digits, test_size=0.25, random_state=0, stratify=digits)
    return parts[0], parts[1], parts[2], parts[3]


def draw(inks: NDArray[Any], enlarge: int = 1) -> Image.Image:
    """64 levels of ink as a grey image, ``enlarge`` pixels for each side of a level."""
    grey = np.rint(inks.reshape(SIDE, SIDE) * (255 / LEVELS)).astype(np.uint8)
    return Image.fromarray(np.kron(grey, np.ones((enlarge, enlarge), dtype=np.uint8)))


def _read(png: bytes) -> Image.Image:
    """The image in grey; what is transparent is black."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if image.width * image.height <= MAX_PIXELS:
                if image.mode.startswith("I"):  # 16 bits, of which Pillow's own conversion clips
                    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
                paper = Image.new("RGBA", image.size, "black")
                paper.alpha_composite(image.convert("RGBA"))
                return paper.convert("L")
            size = f" of {image.width} by {image.height} pixels"
    except PIL.UnidentifiedImageError:
        raise UnreadableImage("The body is not a PNG image; convert it, then send its bytes as they are.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        size = ""
    except Exception as error:  # Pillow raises whatever its decoders stumble over
        raise UnreadableImage(f"The PNG is damaged ({error}); save it again.") from error
    raise UnreadableImage(f"The image{size} is too large; shrink it to at most {MAX_PIXELS:,} pixels.")


def _fingerprint(forest: Any) -> str:
    """128 bits over everything that a prediction depends on besides the image."""
    versions = [version(library) for library in ("scikit-learn", "numpy", "pillow")]
    digest = hashlib.blake2b(json.dumps([PREPROCESSING, versions]).encode(), digest_size=16)
    for tree in (one.tree_ for one in forest.estimators_):
        for part in (tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.value):
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
