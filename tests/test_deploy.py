"""The files in deploy/ state what works."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from fyke.settings import Settings
from tests.conftest import FYKE, ROOT, Service, free_port, fyke, wait_until_ready

DEPLOY = ROOT / "deploy"
FILES = [path for path in DEPLOY.rglob("*") if path.suffix in {".yml", ".service"} or path.name == "Containerfile"]


def words(instruction: str) -> list[str]:
    """The words of the last such instruction of the container file, in exec form or as assignments."""
    said = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    line = re.findall(rf"^{instruction} (.*)$", said, re.MULTILINE)[-1]
    return [word.strip(",") for word in shlex.split(line.strip("[]"))]


def test_the_containers_command_serves_in_its_environment(tmp_path: Path) -> None:
    """Entry point, arguments and variables as they are said, but for the address and the places of files."""
    key = fyke("keys", "add", "client", "--file", tmp_path / "keys.json").stdout.split()[-1]
    said = dict(word.split("=", 1) for word in words("ENV"))
    assert said["FYKE_KEYS_FILE"] == "/etc/fyke/keys.json"
    port = free_port()
    here = {"PATH": os.environ["PATH"], "FYKE_PORT": str(port), "FYKE_HOST": "127.0.0.1"}
    here |= {"FYKE_KEYS_FILE": str(tmp_path / "keys.json"), "FYKE_CACHE_DIR": str(tmp_path / "cache")}
    here |= {"FYKE_CACHE_URL": "memory://", "FYKE_DRAIN_SECONDS": "0"}
    assert words("ENTRYPOINT") == ["fyke"]
    log = tmp_path / "log"
    with log.open("w") as file:
        command = [*FYKE, *words("CMD")]
        process = subprocess.Popen(command, env=said | here, cwd=tmp_path, stdout=file, stderr=file, text=True)
    service = Service(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_until_ready(service)
        assert httpx.post(service.url + "/predict", json={"text": "won"}).status_code == 401
        allowed = httpx.post(service.url + "/predict", json={"text": "won"}, headers={"x-api-key": key})
        assert allowed.status_code == 200
    finally:
        service.stop()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_settings_that_are_named_exist(path: Path) -> None:
    """Every FYKE_ variable of a file is a setting."""
    named = set(re.findall(r"\bFYKE_[A-Z_]+\b", path.read_text()))
    assert named <= {f"FYKE_{name.upper()}" for name in Settings.model_fields}


def test_compose_mounts_what_its_programs_read() -> None:
    """Keys as directories, so that a replaced file is seen; Grafana's source and dashboard where it looks for them."""
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    inside: dict[str, dict[str, str]] = {name: {} for name in services}
    for name, one in services.items():
        for mount in one.get("volumes", ()):
            here, there = mount.split(":")[:2]
            inside[name][there] = here
    keys = Path(services["fyke-1"]["environment"]["FYKE_KEYS_FILE"])
    assert inside["fyke-1"][str(keys.parent)] == "./keys"
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "compose.yml").read_text())["scrape_configs"][0]
    assert inside["prometheus"][str(Path(scraped["authorization"]["credentials_file"]).parent)] == "./scrape"
    provisioning = DEPLOY / inside["grafana"]["/etc/grafana/provisioning"]
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    assert httpx.URL(source["url"]).host in services
    provider = yaml.safe_load((provisioning / "dashboards" / "fyke.yml").read_text())["providers"][0]
    assert (DEPLOY / inside["grafana"][provider["options"]["path"]] / "fyke.json").is_file()


def test_the_unit_is_one(tmp_path: Path) -> None:
    """systemd-analyze finds nothing wrong, with a program that is here in the place of ours."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / "fyke.service"
    unit.write_text((DEPLOY / "systemd" / "fyke.service").read_text().replace("/opt/fyke/.venv/bin/fyke", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
