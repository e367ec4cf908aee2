"""The processes of a service, and the memory that they hold (Linux, proc(5))."""

from pathlib import Path


def children(pid: int) -> set[int]:
    """The processes that a process has started and that still run."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found


def workers(pid: int) -> set[int]:
    """Those of a supervisor's children that serve."""
    return {one for one in children(pid) if b"spawn_main" in _read(one, "cmdline")}


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 when it has ended."""
    for line in _read(pid, "status").splitlines():
        if line.startswith(b"VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
