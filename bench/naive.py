"""What Fyke is measured against: the serving design of the published tutorial, retold.

FastAPI with a synchronous Redis client in an ``async def`` route, the whole text in the key, and two passes of the
scikit-learn pipeline for each miss, one for the label and one for its probability. Kept as the tutorial has it on
purpose; only the access log is off, so that logging does not flatter us. Two environment variables stand for what
the tutorial hard-codes: ``NAIVE_REDIS`` is the port of a Redis on loopback, ``NAIVE_MODEL`` a file of `save_pipeline`.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import redis
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

TTL = 3600  # seconds


def save_pipeline(path: Path, pipeline: Any) -> None:
    """Write a fitted pipeline as plain arrays (.npz); nothing in the file is executed when it is read."""
    features, regression = pipeline
    np.savez(
        path,
        terms=np.frombuffer("\n".join(features.get_feature_names_out()).encode(), np.uint8),
        idf=features.idf_,
        classes=np.array(regression.classes_, dtype=np.str_),
        coefficients=regression.coef_,
        intercept=regression.intercept_,
    )


def load_pipeline(path: Path) -> Any:
    """The same pipeline again: scikit-learn's own objects, with their fitted attributes put back."""
    with np.load(path, allow_pickle=False) as arrays:
        features = TfidfVectorizer(stop_words="english")
        terms = arrays["terms"].tobytes().decode().split("\n")
        features.vocabulary_ = {term: index for index, term in enumerate(terms)}
        features.idf_ = arrays["idf"]
        regression = LogisticRegression(solver="liblinear")
        regression.classes_ = arrays["classes"]
        regression.coef_, regression.intercept_ = arrays["coefficients"], arrays["intercept"]
    return Pipeline([("features", features), ("classifier", regression)])


class Email(BaseModel):
    """One text to classify."""

    text: str


def create_app() -> FastAPI:
    """The service, for uvicorn's ``--factory``."""
    app = FastAPI()
    model = load_pipeline(Path(os.environ["NAIVE_MODEL"]))  # noqa: TID251 - not a part of Fyke
    client = redis.Redis(port=int(os.environ["NAIVE_REDIS"]), decode_responses=True)  # noqa: TID251

    @app.post("/predict")
    async def predict(email: Email) -> dict[str, Any]:
        key = f"prediction:{email.text}"
        kept: Any = client.get(key)
        if kept:
            answer: dict[str, Any] = json.loads(kept)
            return answer
        prediction = str(model.predict([email.text])[0])
        probability = float(max(model.predict_proba([email.text])[0]))
        answer = {"prediction": prediction, "probability": probability}
        client.setex(key, TTL, json.dumps(answer))
        return answer

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ok"}

    return app
