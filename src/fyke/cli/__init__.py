"""The command line: parse, call, print."""

import sys
import traceback

from fyke.cli.app import app
from fyke.cli.console import complain
from fyke.errors import FykeError

__all__ = ["app", "main"]


def main() -> None:
    """Run ``fyke``; an error that a person can mend is one line on stderr and exit status 2."""
    try:
        app()
    except FykeError as error:
        complain(str(error))
        sys.exit(2)
    except BrokenPipeError:
        if sys.stderr is not None:
            sys.stderr.close()
        sys.exit(1)
    except OSError as error:  # of printing, mostly: what reads and writes files has its own words
        complain(f"{error.filename or 'the output'}: {error.strerror or error}.")
        sys.exit(2)
    except Exception:
        traceback.print_exc()
        sys.exit(2)  # Python's own 1 would be a verdict, where a mail filter asks
