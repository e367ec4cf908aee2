"""The figures for people: tables as Markdown, charts as SVG, and docs/benchmarks.md with both."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bench.chart import bars
from bench.contestants import LIMIT, NAIVE, OFF, ON_MEMORY, ON_REDIS, SAID, SHIPPED
from bench.machine import ROOT
from bench.targets import Figures, ratios
from bench.workloads import WORKLOADS

PAGE = ROOT / "docs" / "benchmarks.md"
CHARTS = ROOT / "docs" / "benchmarks"
BEGIN, END = "<!-- measured: make bench writes from here -->", "<!-- to here -->"
ORDER = (NAIVE, ON_REDIS, ON_MEMORY, SHIPPED, OFF, LIMIT)
MIB = 2**20


def text(figures: dict[str, Any]) -> str:
    """Everything that was measured, as Markdown."""
    return "\n".join(line for part in _parts(figures) for line in (*part, ""))


def write(figures: dict[str, Any]) -> None:
    """Put the tables between the marks of docs/benchmarks.md, and the charts beside it."""
    CHARTS.mkdir(exist_ok=True)
    shown = []
    for name, drawing in charts(figures):
        (CHARTS / f"{name}.svg").write_text(drawing, encoding="utf-8")
        shown.append(f"![{name}](benchmarks/{name}.svg)")
    page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    measured = "\n\n".join([*shown, text(figures)])
    PAGE.write_text(f"{before}{BEGIN}\n\n{measured}\n{END}{after}", encoding="utf-8")


def charts(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and drawing of each chart."""
    cells = Figures(figures)
    units = {"hits": "kept answers a second", "misses": "unique texts a second", "zipf": "texts a second"}
    for kind, unit in units.items():
        rows = []
        for workers in (1, 2):
            for name in ORDER:
                rate = cells.rate(name, kind, 16, workers)
                if rate is not None:
                    rows.append((name + ("" if workers == 1 else ", 2 workers"), rate))
        if rows:
            yield kind, bars(WORKLOADS[kind].said.partition(":")[0].capitalize(), f"{unit}, 16 connections", rows)
    late = [(name, cells.get(name, "hits", 16, 1, "p99_ms")) for name in ORDER]
    known = [(name, value) for name, value in late if value is not None]
    if known:
        yield "p99", bars("The slowest hundredth of hits", "milliseconds, 16 connections", known, digits=1)
    rows = list(figures.get("steps", {}).items())
    yield "steps", bars("Single steps", "microseconds, a text of 150 words", rows, digits=1)


def _parts(figures: dict[str, Any]) -> Iterator[Iterable[str]]:
    cells = Figures(figures)
    yield _how(figures)
    yield ("### Targets", "", *_table(["", "at least", "measured", "met"], ratios(figures)))
    yield ("### One worker, 16 connections", "", "Texts a second.", "", *_main(cells))
    yield (
        "### How late, one worker, 16 connections",
        "",
        "Milliseconds that half of the answers took at most, 99 of 100, all.",
        "",
        *_late(cells),
    )
    yield ("### 1 and 64 connections", "", *_connections(cells))
    yield ("### Two workers, 16 connections", "", "Texts a second.", "", *_two(cells))
    yield ("### Start and memory", "", *_start(figures))
    if "steps" not in figures:
        return
    yield ("### `fyke score`", "", *_bulk(figures["bulk"]))
    yield (
        "### Single steps",
        "",
        "A text of 150 words, in process, with the weights that naive has; microseconds.",
        "",
        *_steps(figures["steps"]),
    )
    yield ("### Whole requests without the HTTP server", "", "Microseconds.", "", *_steps(figures["requests"]))
    yield ("### With the length of the text", "", *_length(figures))
    yield ("### With the number of entries", "", *_entries(figures))


def _how(figures: dict[str, Any]) -> Iterator[str]:
    how, where = figures["how"], figures["machine"]
    yield (
        f"{where['cpu']}, {where['cores']} cores shared by the load generator, the servers and their Redis; "
        f"load average {where['load_average']} at the start; Python {where['python']}, uvicorn {where['uvicorn']}, "
        f"redis-server {where['redis_server']}, {how['generator']}; commit {where['commit']}. "
        f"Medians of {how['rounds']} interleaved rounds of {how['seconds']:g} s a cell; "
        f"trained on {how['trained_on']}. {figures['compared']:,} answers were compared before."
    )
    yield ""
    yield from _table(["server", ""], [[name, SAID[name].format(recipe=how["shipped_recipe"])] for name in ORDER])
    yield ""
    draws = f"; {how['zipf_draws']:,} requests, the same for every server"
    rows = [[one.name, one.said + (draws if one.kind == "zipf" else "")] for one in WORKLOADS.values()]
    yield from _table(["workload", ""], rows)


def _main(cells: Figures) -> Iterator[str]:
    kinds = list(WORKLOADS)
    rows = [[name, *(_number(cells.rate(name, kind)) for kind in kinds)] for name in ORDER]
    return _table(["server", *kinds], [row for row in rows if any(row[1:])])


def _late(cells: Figures) -> Iterator[str]:
    kinds = [kind for kind in WORKLOADS if kind != "batches"]
    rows = []
    for name in ORDER:
        rows.append([name, *(_lateness(cells, name, kind) for kind in kinds)])
    return _table(["server", *kinds], [row for row in rows if any(row[1:])])


def _lateness(cells: Figures, name: str, kind: str) -> str:
    known = [cells.get(name, kind, 16, 1, what) for what in ("p50_ms", "p99_ms", "worst_ms")]
    return ", ".join(f"{one:.1f}" for one in known if one is not None)


def _connections(cells: Figures) -> Iterator[str]:
    heads, rows = ["server"], [[name] for name in ORDER]
    for kind in ("hits", "misses"):
        for connections in (1, 64):
            heads += [f"{kind}/s at {connections}", "p99 ms"]
            for row in rows:
                late = cells.get(row[0], kind, connections, 1, "p99_ms")
                row += [_number(cells.rate(row[0], kind, connections)), "" if late is None else f"{late:.1f}"]
    return _table(heads, [row for row in rows if any(row[1:])])


def _two(cells: Figures) -> Iterator[str]:
    kinds = ("hits", "misses", "zipf")
    rows = [[name, *(_number(cells.rate(name, kind, 16, 2)) for kind in kinds)] for name in ORDER]
    return _table(["server", *kinds], [row for row in rows if any(row[1:])])


def _start(figures: dict[str, Any]) -> Iterator[str]:
    started, warm, last = figures.get("start_seconds", {}), figures["resident"], figures["resident_at_the_end"]
    rows = []
    for name in ORDER:
        if name in warm:
            took = f"{started[name]:.2f} s" if name in started else ""
            rows.append([name, took, f"{warm[name] / MIB:.0f} MiB", f"{last[name] / MIB:.0f} MiB"])
    yield from _table(["server", "ready after", "resident, warm", "resident after all rounds"], rows)
    if SHIPPED in last and NAIVE in last:
        yield ""
        yield (
            f"The target is of the warm server. After all rounds, with its tier in memory full, the shipped model's "
            f"has {last[SHIPPED] / last[NAIVE]:.2f} times the memory of naive, which keeps nothing of its own."
        )
    if "help_seconds" in figures:
        yield ""
        yield f"`fyke --help` answers in {figures['help_seconds']:.2f} s."


def _bulk(bulk: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{bulk['rows']:,} texts of some 35 words, no cache; the whole command. Memory is what each process had at its "
        "own peak (VmHWM), summed."
    )
    yield ""
    rows = []
    for workers, seconds in bulk["seconds"].items():
        peaks = (f"{bulk[which][workers] / MIB:.0f} MiB" for which in ("peak", "peak_of_a_part"))
        rows.append([workers, f"{bulk['rows'] / seconds:,.0f}", *peaks])
    yield from _table(["processes", "rows/s", "memory at its peak", "for a quarter of the rows"], rows)


def _steps(rows: dict[str, float]) -> Iterator[str]:
    return _table(["step", "µs"], [[name, f"{value:.1f}"] for name, value in rows.items()])


def _length(figures: dict[str, Any]) -> Iterator[str]:
    rows = [[f"{one['characters']:,}", f"{one['canonical']:,.1f}", f"{one['score']:,.1f}"] for one in figures["length"]]
    return _table(["characters", "canonical bytes, µs", "score, µs"], rows)


def _entries(figures: dict[str, Any]) -> Iterator[str]:
    rows = [[f"{one['entries']:,}", f"{one['memory']:.2f}", f"{one['redis']:.0f}"] for one in figures["entries"]]
    return _table(["entries", "lookup in memory, µs", "lookup of one key in Redis, µs"], rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join("---" for _ in heads) + " |"
    yield from ("| " + " | ".join(row) + " |" for row in rows)
