"""The story of the program: key -> memory -> store -> model -> store. It fails open and knows nothing of e-mail."""

from fyke.predictor.flights import Boarding
from fyke.predictor.predictor import Predictor
from fyke.predictor.words import Admission, Answer, Model, Tier, Wishes

__all__ = ["Admission", "Answer", "Boarding", "Model", "Predictor", "Tier", "Wishes"]
