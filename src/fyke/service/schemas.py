"""What goes in and out over HTTP."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr


class PredictRequest(BaseModel):
    """One text to classify."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"text": "You have won a prize"}]})

    text: StrictStr = Field(description="Subject and body of an e-mail as plain text.")


class PredictResponse(BaseModel):
    """The predicted label and the probability of that label."""

    prediction: Literal["Phishing Email", "Safe Email"]
    probability: float = Field(ge=0, le=1, description="Probability of the predicted label.")


class BatchRequest(BaseModel):
    """Several texts to classify."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"texts": ["You have won a prize"]}]})

    texts: list[StrictStr] = Field(description="Texts as in `POST /predict`.")


class BatchResponse(BaseModel):
    """A prediction for each text, in the order of the request."""

    predictions: list[PredictResponse]


class Problem(BaseModel):
    """What is wrong with a request, and the remedy."""

    detail: str
