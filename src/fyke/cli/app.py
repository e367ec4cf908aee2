"""Every command of ``fyke``. What a command needs is imported when it runs, so that ``--help`` is quick."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from fyke.cli.console import FRAMES, err, out, progress
from fyke.errors import SettingsError

app = typer.Typer(
    help="Phishing or safe? Train, evaluate and serve a classifier that never computes the same verdict twice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=FRAMES,
)
cache_app = typer.Typer(help="Look into the cache.", no_args_is_help=True, rich_markup_mode=FRAMES)
model_app = typer.Typer(help="Look at a model.", no_args_is_help=True, rich_markup_mode=FRAMES)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True, rich_markup_mode=FRAMES)
app.add_typer(cache_app, name="cache")
app.add_typer(keys_app, name="keys")
app.add_typer(model_app, name="model")

Paths = Annotated[
    list[Path],
    typer.Argument(
        help="Tables (.csv, .csv.gz, .parquet), or folders, mailboxes and archives of mail named after their label.",
        show_default=False,
    ),
]
TextColumn = Annotated[str, typer.Option(help="Column that holds the text.")]
LabelColumn = Annotated[str, typer.Option(help="Column that holds the label.")]
LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        help="What a value of the label column, or the name of a folder, means, as VALUE=LABEL; repeat for each."
    ),
]
ModelDir = Annotated[Path | None, typer.Option(help="Model directory; without it the shipped model.")]
KeysFile = Annotated[Path | None, typer.Option("--file", help="File of API keys (FYKE_KEYS_FILE).")]
PolicyName = Annotated[str | None, typer.Option("--policy", help="How a score becomes a label (FYKE_POLICY).")]
Prior = Annotated[float | None, typer.Option(help="The share of phishing in your mail, for example 0.01.")]
CacheUrl = Annotated[str | None, typer.Option("--cache-url", help="Where predictions are kept (FYKE_CACHE_URL).")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Options of every command."""
    if version:
        from fyke import __version__

        typer.echo(f"fyke {__version__}")
        raise typer.Exit


@app.command()
def train(
    paths: Paths,
    output: Annotated[Path, typer.Option(help="Model directory to write.")] = Path("models/latest"),
    recipe: Annotated[str, typer.Option(help="What to build: baseline, default, deep or cascade.")] = "baseline",
    text_column: TextColumn = "Email Text",
    label_column: LabelColumn = "Email Type",
    label_map: LabelMap = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that is there.")] = False,
) -> None:
    """Train a model on 80 % of the rows and measure it on the rest."""
    with progress() as step:
        from fyke.cli.labelled import read_labelled
        from fyke.model.directory import check_output, write_model
        from fyke.model.evaluation import report_text
        from fyke.model.training import train as train_model
        from fyke.service.reading import limits_from
        from fyke.settings import load

        check_output(output, force=force)
        mapping = parse_label_map(label_map)
        step("reading the mail")
        corpus = read_labelled(
            paths,
            text_column=text_column,
            label_column=label_column,
            label_map=mapping,
            limits=limits_from(load()),
            progress=step,
        )
        document, model = train_model(
            corpus, recipe, columns=(text_column, label_column), label_map=mapping, progress=step
        )
        write_model(output, document, model.card, files=model.files, force=force)
    out.print(report_text(model.card.figures["held_out"]), markup=False)
    out.print(f"\nmodel {model.card.model_id} written to {output}", markup=False)
    if recipe != "baseline" and model.card.calibration is None:
        err.print(
            "Too few e-mails of either label that are not alike to calibrate on: no --prior and no policy max-fpr with "
            "this model.",
            markup=False,
        )


@app.command()
def evaluate(
    paths: Paths,
    model: ModelDir = None,
    text_column: Annotated[str | None, typer.Option(help="Column of the text; as in training if not given.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of the label; as in training.")] = None,
    label_map: LabelMap = None,
    every_row: Annotated[bool, typer.Option("--all", help="Every row, not only the held-out ones.")] = False,
    any_file: Annotated[
        bool, typer.Option("--any-file", help="Take the recorded share of files that were not trained on as held out.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a page with curves and the worst mistakes there.")
    ] = None,
    drift: Annotated[
        bool, typer.Option("--drift", help="Say what moved since training; the mail needs no labels.")
    ] = False,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Mail that --drift compares with, not the card's profile; repeat for more."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on held-out rows, or say what moved since training."""
    from fyke.cli.evaluating import Asked, check_flags, run, run_drift

    check_flags(drift=drift, report=report, against=against or (), choosing=every_row or any_file)
    mapping = parse_label_map(label_map)
    asked = Asked(paths, model, text_column, label_column, mapping, every_row, any_file, as_json)
    if drift:
        run_drift(asked, against or ())
    else:
        run(asked, report)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (FYKE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (FYKE_PORT).")] = None,
    model: Annotated[Path | None, typer.Option(help="Model directory (FYKE_MODEL).")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve (FYKE_WORKERS).")] = None,
    cache_url: CacheUrl = None,
    cache_ttl: Annotated[float | None, typer.Option(help="Seconds that a prediction is kept.")] = None,
    policy: PolicyName = None,
    prior: Prior = None,
    allow_purge: Annotated[
        bool, typer.Option("--allow-purge", help="Let the page forget predictions (FYKE_ALLOW_PURGE).")
    ] = False,
    keys_file: Annotated[Path | None, typer.Option(help="File of API keys (FYKE_KEYS_FILE).")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond this machine without keys (FYKE_INSECURE).")
    ] = False,
) -> None:
    """Serve predictions over HTTP."""
    from fyke.cli.hangups import ignore_hangups

    ignore_hangups()  # what follows takes a while to import
    from fyke.cli.serving import run
    from fyke.settings import load

    flags = {"host": host, "port": port, "workers": workers, "model": model, "keys_file": keys_file}
    doors = {"insecure": insecure or None, "allow_purge": allow_purge or None}
    run(load(**flags, **doors, policy=policy, prior=prior, cache_url=cache_url, cache_ttl=cache_ttl))


@app.command()
def classify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Messages, folders, mailboxes, archives, JSON; - or nothing reads one message on stdin."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model directory (FYKE_MODEL).")] = None,
    policy: PolicyName = None,
    prior: Prior = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say which words made each verdict.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Classify messages. The exit status is 0 when all are safe, 1 when one is phishing, 2 on trouble.

    Reads .eml and text files, mbox, Maildir, folders, tar archives, .msg (with the extra `msg`), JSON and JSONL
    (objects with `raw`, `raw_base64` or `text`), each also compressed.
    """
    from fyke.cli.classifying import run
    from fyke.settings import load

    settings = load(model=model, policy=policy, prior=prior)
    raise typer.Exit(run(files or [Path("-")], settings, explain=explain, as_json=as_json))


@app.command()
def score(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Table: .csv, .csv.gz, .jsonl, .jsonl.gz or .parquet.")],
    output: Annotated[Path, typer.Option(help="Table to write; its name says the format, which may be another.")],
    model: Annotated[Path | None, typer.Option(help="Model directory (FYKE_MODEL).")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column of the text; as in training if not given.")] = None,
    cache_url: CacheUrl = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; as many as there are cores.")] = None,
    policy: PolicyName = None,
    prior: Prior = None,
    force: Annotated[bool, typer.Option("--force", help="Start over, and replace the output that is there.")] = False,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Who scores: this machine, or a Ray cluster (the extra `ray`).")
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(help="Ray's cluster: auto, HOST:PORT or local; else what RAY_ADDRESS says.", show_default=False),
    ] = None,
) -> None:
    """Classify a table; go on where it stopped. Its rows get prediction, probability and phishing_probability."""
    from fyke.bulk.job import Job
    from fyke.cli.scoring import run

    job = Job(source, output, model, text_column, workers, force, engine, ray_address)
    raise typer.Exit(run(job, cache_url=cache_url, policy=policy, prior=prior))


@app.command()
def smoke(
    url: Annotated[str, typer.Argument(help="Where the service listens.")] = "http://localhost:8000",
) -> None:
    """Send the published five requests. Two of them are repeats that must be hits."""
    from fyke.cli.smoking import run

    raise typer.Exit(run(url))


@cache_app.command("ls")
def cache_ls(
    cache_url: CacheUrl = None,
    namespace: Annotated[str | None, typer.Option(help="Namespace (FYKE_CACHE_NAMESPACE).")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows to show; 0 shows all.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """The cached predictions, newest first. Labels are read at 0.5, whatever the policy of the service."""
    from fyke.cli.caching import list_entries

    list_entries(cache_url, namespace, limit, as_json=as_json)


@cache_app.command("stats")
def cache_stats(
    cache_url: CacheUrl = None,
    service: Annotated[str, typer.Option(help="Where the service listens.")] = "http://localhost:8000",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What the store holds, and whether the cache pays. By namespace and model; of the running service."""
    from fyke.cli.caching import show_stats

    show_stats(cache_url, service, as_json=as_json)


@cache_app.command("purge")
def cache_purge(
    cache_url: CacheUrl = None,
    namespace: Annotated[str | None, typer.Option(help="Namespace (FYKE_CACHE_NAMESPACE).")] = None,
    model: Annotated[str | None, typer.Option(help="Only the entries of this model id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every namespace and model.")] = False,
) -> None:
    """Forget predictions: of a namespace, of one model in it, or all. Every service forgets them too."""
    from fyke.cli.caching import purge

    purge(cache_url, namespace, model, everything=everything)


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do: predict, read or admin; repeat for several.")
    ] = None,
    namespace: Annotated[str | None, typer.Option(help="Whose entries it sees (FYKE_CACHE_NAMESPACE).")] = None,
    rate: Annotated[str | None, typer.Option(help="Limit of its own, like 100/minute (FYKE_RATE_LIMIT).")] = None,
    file: KeysFile = None,
) -> None:
    """Make a key and show it, once."""
    from fyke.cli.keys import add

    add(file, name, scope or ["predict"], namespace, rate)


@keys_app.command("ls")
def keys_ls(file: KeysFile = None) -> None:
    """Names, scopes and namespaces of the keys."""
    from fyke.cli.keys import show

    show(file)


@keys_app.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="Which one.")], file: KeysFile = None) -> None:
    """Forget a key; a running service does within a second."""
    from fyke.cli.keys import revoke

    revoke(file, name)


@model_app.command("show")
def model_show(
    directory: Annotated[Path | None, typer.Argument(help="Model directory; without it the shipped model.")] = None,
) -> None:
    """The card of a model; on a terminal, its operating points after it."""
    from fyke.cli.showing import show

    show(directory)


def parse_label_map(pairs: list[str] | None) -> dict[str, str] | None:
    """``VALUE=LABEL`` pairs as a mapping; None when there are none.

    Raises:
        SettingsError: a pair has no ``=``, or its label is neither of the two.
    """
    from fyke.model.labels import LABELS

    if not pairs:
        return None
    mapping = {}
    for pair in pairs:
        value, equals, label = pair.rpartition("=")
        if not equals or label not in LABELS:
            raise SettingsError(f"--label-map {pair!r}: give VALUE=LABEL, with {' or '.join(map(repr, LABELS))}.")
        mapping[value] = label
    return mapping
