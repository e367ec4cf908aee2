"""The published labels."""

PHISHING = "Phishing Email"
SAFE = "Safe Email"
LABELS = (PHISHING, SAFE)  # sorted, as scikit-learn sorts its classes
