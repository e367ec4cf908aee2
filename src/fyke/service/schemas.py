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


class Sender(BaseModel):
    """Who wrote a message, as its header says."""

    name: str
    address: str


class SignResponse(BaseModel):
    """A fact about a message that its reader should know."""

    name: str
    detail: str


class MessageResponse(PredictResponse):
    """The prediction for a message, and what was read of it."""

    subject: str
    sender: Sender
    links: int = Field(ge=0, description="Number of links.")
    attachments: int = Field(ge=0, description="Number of attachments.")
    alternative: float | None = Field(
        ge=0, le=1, description="How far the words of the other alternative agree with those shown; null without one."
    )
    signs: list[SignResponse] = Field(description="Facts that a reader should know; the model does not use them.")
    repairs: list[str] = Field(description="Names of what had to be mended to read it.")
    cut: list[str] = Field(description="What a limit cut, in words.")


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
