"""What goes in and out over HTTP."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from fyke.model.card import Card


class PredictRequest(BaseModel):
    """One text to classify."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"text": "You have won a prize"}]})

    text: StrictStr = Field(description="Subject and body of an e-mail as plain text.")


class PredictResponse(BaseModel):
    """The predicted label and the probability of that label."""

    prediction: Literal["Phishing Email", "Safe Email"]
    probability: float = Field(ge=0, le=1, description="Probability of the predicted label.")
    uncertain: bool = Field(
        False, description="Whether the score is within FYKE_ABSTAIN of the threshold; only there where that is set."
    )


class PartResponse(BaseModel):
    """A part of a text and what it added to the log-odds: above 0 toward phishing, below toward safe."""

    start: int = Field(ge=0, description="Place of its first character, in Unicode code points.")
    end: int = Field(ge=0, description="Place after its last.")
    contribution: float
    word: str = Field(description="The characters between.")


class ExplainResponse(PredictResponse):
    """A prediction and what made it: `log_odds` is the sum of `base`, of all contributions and of `rest`."""

    log_odds: float = Field(description="Logarithm of the odds of phishing.")
    base: float = Field(description="What they are for a text without any known part.")
    parts: list[PartResponse] = Field(description="The parts that moved them most, at most 500, in the text's order.")
    rest: float = Field(description="What the parts that are left out add up to.")
    reasons: list[str] = Field(description="The same in at most two sentences.")
    header: str = Field(description="The same in a line of ASCII, as the value of a header field of a message.")


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


class ExplainMessageResponse(ExplainResponse, MessageResponse):
    """An explanation of a message, and what was read of it."""

    text: str = Field(description="The text that the model saw, in which the parts have their places.")


class BatchRequest(BaseModel):
    """Several texts to classify."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"texts": ["You have won a prize"]}]})

    texts: list[StrictStr] = Field(description="Texts as in `POST /predict`.")


class BatchResponse(BaseModel):
    """A prediction for each text, in the order of the request."""

    predictions: list[PredictResponse]


class PolicyResponse(BaseModel):
    """How labels are read from scores: phishing above the threshold; uncertain within `abstain` of it."""

    name: str
    threshold: float
    abstain: float


class RefusalResponse(BaseModel):
    """A model that was not put in force: when, and why."""

    at: str
    why: str


class CardInForce(Card):
    """A model's card, the policy in force, and the last refusal of a model since this one was put in force.

    ``answers_as`` is the id that scores are kept under: the model's, and with a prior that too.
    """

    answers_as: str
    policy: PolicyResponse
    refused: RefusalResponse | None = None


class ReloadResponse(BaseModel):
    """The model in force, and whether it is another than before."""

    model_config = ConfigDict(protected_namespaces=())

    model_id: str
    changed: bool


class Problem(BaseModel):
    """What is wrong with a request, and the remedy."""

    detail: str
