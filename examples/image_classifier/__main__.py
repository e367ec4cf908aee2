"""``python -m examples.image_classifier``: serve at http://localhost:8000 until told to stop."""

import sys

import uvicorn

from examples.image_classifier.app import create_app
from fyke.errors import SettingsError
from fyke.settings import load

if __name__ == "__main__":
    try:
        settings = load()
    except SettingsError as error:
        sys.exit(f"error: {error}")
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port)
