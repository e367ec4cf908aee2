"""The protocol's encoder remembers what it has read."""

from pathlib import Path

from bench.quality.vectors import Remembering
from tests.encoders import small_encoder


def test_a_vector_is_kept_between_runs(tmp_path: Path) -> None:
    """The second time it comes from the file, bit for bit what the network gives."""
    encoder = small_encoder()
    blob = encoder.canonical("verify your account")
    first = Remembering(encoder, tmp_path).vector(blob)
    again = Remembering(encoder, tmp_path)
    again._session = None  # the network is not asked
    assert again.vector(blob).tobytes() == first.tobytes() == encoder.vector(blob).tobytes()
