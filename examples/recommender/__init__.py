"""Similar products behind a prediction cache: a basket in, recommendations out."""
