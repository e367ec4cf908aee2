"""``python -m examples.recommender [CATALOGUE]``: serve at http://localhost:8000 until told to stop."""

import sys
from pathlib import Path

import uvicorn

from examples.recommender.app import create_app
from examples.recommender.model import CATALOGUE
from fyke.errors import SettingsError
from fyke.settings import load

if __name__ == "__main__":
    try:
        settings = load()
        app = create_app(settings, Path(sys.argv[1]) if len(sys.argv) > 1 else CATALOGUE)
    except (SettingsError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    uvicorn.run(app, host=settings.host, port=settings.port)
