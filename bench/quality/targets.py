"""The targets that a shipped model is held to, and what a run measured of each."""

from collections.abc import Iterator
from typing import Any

from bench.quality.parts import ENGLISH, HONEST, POLICY


def targets(parts: dict[str, Any]) -> list[list[str]]:
    """Name, measured, at least, aim; of the parts that were run."""
    return [list(row) for row in _targets(parts)]


def _targets(parts: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    if "published" in parts:
        one = parts["published"]
        yield "published split, accuracy", f"{one['published']['accuracy']:.4f}", "0.983", "0.988"
        clean = one["without near-duplicates"]["accuracy"]
        yield "the same without near-duplicates of training rows", f"{clean:.4f}", "baseline + 0.006", "0.985"
    if "left out" in parts:
        yield "leave one corpus out, mean F1", f"{parts['left out']['mean']['f1']:.4f}", "0.90", "0.94"
    if "temporal" in parts:
        recall = parts["temporal"]["against"][ENGLISH]["recall at 0.5%"]
        yield "temporal, English, recall at 0.5 % false positives", f"{recall:.3f}", "0.65", "0.80"
    if "permitted" in parts:
        recall = parts["permitted"]["against"][ENGLISH]["recall at 0.5%"]
        yield "the same, trained on all mail that may train", f"{recall:.3f}", "", ""
    if "honest" in parts:
        policy = f"max-fpr={POLICY:g}"
        for name in HONEST:
            if name in parts["honest"]:
                flagged = parts["honest"][name][policy]["share"]
                yield f"{name} flagged at {policy}", f"{flagged:.2%}", "1 %", "0.3 %"
    if "calibration" in parts:
        one = parts["calibration"]
        yield "ECE in domain", f"{one['in domain']['as given']['ece']:.4f}", "0.01", "0.005"
        yield "ECE across corpora", f"{one['mean across corpora']['as given']['ece']:.4f}", "0.06", "0.03"
    if "robustness" in parts:
        for policy, lost in parts["robustness"]["mean lost"].items():
            yield f"recall lost under attack at {policy}, mean", f"{100 * lost:.1f} points", "8", "3"
            most = parts["robustness"]["most lost"][policy]
            yield f"the same under the worst attack at {policy}", f"{100 * most:.1f} points", "", ""
