"""Schemathesis against a service of our own: ``python -m tests.contract [CASES]``, all checks, every route.

The service asks for a key, has no cache beyond memory, and listens on a free port of this machine.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import uvicorn

from fyke.service.wire import Wire
from tests.service.keyed import Keys, keyed_app
from tests.service.threads import Running

CONFIG = Path(__file__).parent / "schemathesis.toml"


def ask(cases: int, seed: int | None = None) -> tuple[int, int, str]:
    """Exit status, the number of cases that were tried, at least ``cases``, and what Schemathesis printed."""
    with tempfile.TemporaryDirectory() as directory:
        keys = Keys(Path(directory) / "keys.json")
        keys.add("all", "predict", "read", "admin")
        app, _ = keyed_app(keys)
        # Routes without a body have few cases: the others make up for them.
        operations = [one for methods in app.openapi()["paths"].values() for one in methods.values()]
        each = -(-cases // sum("requestBody" in one for one in operations))
        config = uvicorn.Config(
            app, http=Wire, access_log=False, log_level="critical", server_header=False, proxy_headers=False
        )
        with Running(config) as running:
            command = [
                Path(sys.executable).with_name("schemathesis"),
                "--config-file",
                CONFIG,
                "run",
                f"http://127.0.0.1:{running.port}/openapi.json",
                "--header",
                f"Authorization: Bearer {keys.tokens['all']}",
                "--checks",
                "all",
                "--max-examples",
                str(each),
                "--continue-on-failure",
                "--suppress-health-check",
                "all",
                "--request-timeout",
                "60",
                "--no-color",
                *(["--seed", str(seed)] if seed is not None else []),
            ]
            environment = os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": directory}
            done = subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environment)
    said = done.stdout + done.stderr
    found = re.search(r"([\d,]+) generated", said)
    return done.returncode, int(found[1].replace(",", "")) if found else 0, said


if __name__ == "__main__":
    status, tried, printed = ask(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
    print(printed)
    print(f"{tried:,} cases")
    sys.exit(status)
