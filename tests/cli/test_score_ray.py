"""`fyke score --engine ray` on a cluster of two nodes; skipped without the extra `ray`."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_score import LINES, ROWS, expected, read, score, start, write
from tests.conftest import RedisServer
from tests.servers import until

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed (pip install 'fyke[ray]')")

# In a process of its own: what Ray warns of is no concern of the other tests.
NODES = """
import sys
from ray.cluster_utils import Cluster
node = {"num_cpus": 1, "object_store_memory": 2**27, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=node)
del node["include_dashboard"]
cluster.add_node(**node)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """Two nodes on this machine with a processor each, so that two actors are on both."""
    quiet = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", NODES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=quiet,
    )
    assert process.stdout is not None
    address = next((line.strip() for line in process.stdout if line.strip().count(":") == 1), "")
    assert address, "the cluster did not start"
    yield address
    process.communicate("")


@needs_ray
@pytest.mark.parametrize(("source", "into"), [(".csv", ".csv"), (".jsonl", ".parquet"), (".parquet", ".jsonl")])
def test_a_cluster_gives_the_rows_that_one_machine_gives(
    tmp_path: Path, ray_address: str, source: str, into: str
) -> None:
    """All rows in order, to the last bit, whatever the formats; nothing but the output is left."""
    output = tmp_path / f"out{into}"
    done = score(write(tmp_path / f"in{source}"), output, "--engine", "ray", "--ray-address", ray_address)
    assert done.returncode == 0, done.stderr
    assert read(output) == expected()
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"{len(ROWS)} rows, ")  # after a line of Ray's own
    assert len(list(tmp_path.iterdir())) == 2


@needs_ray
def test_two_nodes_share_the_cache_and_go_on_where_a_run_was_killed(
    tmp_path: Path, ray_address: str, redis_server: RedisServer
) -> None:
    """Killed half-way, the same command goes on, as it does without Ray; then every score is known to everybody."""
    large, output, journal = tmp_path / "large.csv", tmp_path / "out.csv", tmp_path / "out.csv.journal"
    large.write_text(LINES)
    ray = ("--engine", "ray", "--ray-address", ray_address, "--cache-url", redis_server.url)
    process = start(large, "--output", output, *ray)
    until(lambda: journal.exists() and journal.stat().st_size > 10_000, 300)
    process.kill()
    process.communicate()
    resumed = score(large, output, *ray[:4], cache=redis_server.url)
    assert resumed.returncode == 0, resumed.stderr
    assert "were scored before" in resumed.stderr
    again = score(large, tmp_path / "again.csv", cache=redis_server.url)
    assert "100.0% known already" in again.stderr
    assert output.read_bytes() == (tmp_path / "again.csv").read_bytes()


@needs_ray
def test_trouble_on_a_node_is_told_in_a_line(tmp_path: Path, ray_address: str) -> None:
    """What an actor cannot do is said as this machine would say it; so is an address where nobody is."""
    source = write(tmp_path / "in.csv")
    output = tmp_path / "out.csv"
    bad = score(source, output, "--engine", "ray", "--ray-address", ray_address, cache="redis+sentinel://nobody")
    assert (bad.returncode, "name the service" in bad.stderr) == (2, True), bad.stderr
    assert "Traceback" not in bad.stderr
    nowhere = score(source, output, "--engine", "ray", "--ray-address", "127.0.0.1:1")
    assert (nowhere.returncode, "--ray-address" in nowhere.stderr) == (2, True), nowhere.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_the_extra_is_named(tmp_path: Path) -> None:
    """And nothing is written."""
    done = score(write(tmp_path / "in.csv"), tmp_path / "out.csv", "--engine", "ray")
    assert done.returncode == 2
    assert "pip install 'fyke[ray]'" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]


def test_an_address_wants_the_engine(tmp_path: Path) -> None:
    """Else it would be passed over in silence."""
    done = score(write(tmp_path / "in.csv"), tmp_path / "out.csv", "--ray-address", "auto")
    assert done.returncode == 2
    assert "--engine ray" in done.stderr
