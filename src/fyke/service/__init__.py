"""The HTTP service: routes over the predictor."""
