"""`prewarm weights`: what a checkpoint is, how fast this machine reads it, digests of it."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

Found = TypeVar("Found")

if TYPE_CHECKING:
    from serving.loader.settings import Settings


@click.group()
def weights() -> None:
    """Look into safetensors weights, measure how fast they load, make digests of them.

    ADDRESS is a folder, an index or one file: a path, http(s)://, s3://BUCKET/PREFIX or
    gs://BUCKET/PREFIX. Credentials are found as each cloud's own tools find them.

    \b
    What would be read?         prewarm weights plan s3://bucket/llama
    How fast is it here?        prewarm weights bench /models/llama
    Bytes that can be trusted:  prewarm weights digest /models/llama -o digests.json
    """


def _setting_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--set",
        "given",
        multiple=True,
        metavar="KEY=VALUE",
        help="A setting of the loader, as in vLLM's model_loader_extra_config, e.g. "
        "read_threads=8, s3_endpoint=http://minio:9000. Repeatable.",
    )(command)


@weights.command()
@click.argument("address")
@_setting_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def plan(address: str, given: tuple[str, ...], *, as_json: bool) -> None:
    """Say what would be read, without reading it: only headers are fetched and checked.

    \b
      prewarm weights plan /models/llama
      prewarm weights plan https://host/llama/model.safetensors.index.json --json

    Exit status: 0 fine; 1 not a sound checkpoint, or not to be reached.
    """
    from serving.loader.describe import plan_facts, plan_lines

    facts = _run(lambda settings: plan_facts(address, settings), given)
    _say([json.dumps(facts)] if as_json else plan_lines(facts))


@weights.command()
@click.argument("address")
@_setting_option
@click.option(
    "--most-gigabytes",
    type=click.FloatRange(0.001),
    default=8.0,
    show_default=True,
    help="Read only so many of its tensors; 10^9 bytes each.",
)
@click.option(
    "--device",
    default="host",
    show_default=True,
    help="Where to stream to: host needs no torch; cuda or cuda:N needs it, and a GPU.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def bench(
    address: str, given: tuple[str, ...], *, most_gigabytes: float, device: str, as_json: bool
) -> None:
    """Measure how fast this machine loads it, and say which stage limits.

    Tensors are streamed and thrown away. A second run of local files reads them from the page
    cache: what the first run says is a cold start.

    \b
      prewarm weights bench /models/llama
      prewarm weights bench s3://bucket/llama --set read_threads=32
      prewarm weights bench /models/llama --device cuda
    """
    from serving.loader.bench import bench_facts, bench_lines
    from serving.loader.showing import bar

    most_bytes = int(most_gigabytes * 1e9)
    with bar("reading") as advance:
        facts = _run(
            lambda settings: bench_facts(address, settings, most_bytes, device, advance), given
        )
    _say([json.dumps(facts)] if as_json else bench_lines(facts))


@weights.command()
@click.argument("address")
@_setting_option
@click.option(
    "-o",
    "--output",
    type=click.File("w", lazy=True, atomic=True),
    default="-",
    metavar="FILE",
    help="Where to write the manifest; standard output unless given.",
)
@click.option(
    "--check",
    "manifest",
    metavar="MANIFEST",
    help="Write nothing: read everything once and compare it with this manifest.",
)
def digest(address: str, given: tuple[str, ...], *, output: Any, manifest: str | None) -> None:
    """Make a manifest of digests, or check weights against one.

    The loader verifies what it streams against a manifest, without reading twice: name it in
    its settings as digests=ADDRESS. Keep it where who can change the weights can't change it.

    \b
      prewarm weights digest /models/llama -o llama-digests.json
      prewarm weights digest s3://bucket/llama --check llama-digests.json

    Exit status: 0 fine; 1 some bytes differ, or it can't be read.
    """
    from serving.loader.digesting import check_digests, digest_text
    from serving.loader.showing import bar

    if manifest is not None:
        with bar("verifying") as advance:
            n_bytes = _run(
                lambda settings: check_digests(address, manifest, settings, advance), given
            )
        _say([f"{address}: {n_bytes} bytes are those of {manifest}"])
        return
    with bar("reading") as advance:
        text = _run(lambda settings: digest_text(address, settings, advance), given)
    output.write(text)


def _run(work: "Callable[[Settings], Found]", given: Iterable[str]) -> Found:
    from serving.loader.errors import LoadError
    from serving.loader.settings import Settings

    try:
        return work(Settings.of(dict(_pair(text) for text in given)))
    except LoadError as exc:
        raise click.ClickException(str(exc)) from exc
    except ModuleNotFoundError as exc:
        raise click.ClickException(
            f"this needs the module {exc.name!r}, which is not installed. "
            "Next step: pip install 'keda-prewarm[weights]', for --device cuda [serving]"
        ) from exc


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--set {text!r}: must be KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value  # text needs no quotes


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
