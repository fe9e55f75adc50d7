"""The command `prewarm calibrate`: flags, and what is written where."""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

UNUSABLE = 2
N_RESAMPLES = 40
MILLI = 1e-3


@click.command()
@click.argument("sweep", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--model", metavar="NAME", help="What was served; the files' model_id without it.")
@click.option("--gpu", metavar="NAME", help="What it ran on, such as H100-80GB.")
@click.option("--vllm-version", metavar="VERSION", help="A fit holds for one version.")
@click.option("--source", metavar="TEXT", help="Where the sweep is from; else the files' names.")
@click.option(
    "--kv-cache-tokens",
    type=click.FloatRange(1),
    help='What vLLM logs when it starts: "GPU KV cache size: ... tokens".',
)
@click.option(
    "--max-num-seqs",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="The server's own flag.",
)
@click.option(
    "--api-overhead-ms",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Of the time to first token, what is not the engine's. A sweep can't tell the two apart; "
    "0 takes all of it for engine time, which carries less.",
)
@click.option("--ttft-ms", type=click.FloatRange(0, min_open=True), help="Target: first token.")
@click.option("--itl-ms", type=click.FloatRange(0, min_open=True), help="Target: between tokens.")
@click.option(
    "--attained",
    type=click.FloatRange(0.5, 0.999),
    default=0.95,
    show_default=True,
    help="The share of requests that keep both targets.",
)
@click.option(
    "--lengths",
    multiple=True,
    metavar="PROMPT:ANSWER",
    help="Mean lengths in tokens, such as 1155:211. Repeatable; else those of the sweep.",
)
@click.option(
    "--length-law",
    type=click.Choice(["lognormal", "exponential", "constant"]),
    default="lognormal",
    show_default=True,
    help="How lengths spread around their means.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the calibration file, which simulations read.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the calibration as JSON instead.")
def calibrate(sweep: tuple[Path, ...], **flags: Any) -> None:
    """Fit what one replica does to a vLLM benchmark sweep, and say what it carries.

    SWEEP is files or folders of results of `vllm bench serve --save-result`, one for each
    concurrency, or a CSV with the same fields: max_concurrency, completed, total_input_tokens,
    total_output_tokens, mean_itl_ms, mean_ttft_ms, and if there: request_throughput, model_id, gpu,
    vllm_version, kv_cache_tokens, source. Measure concurrencies 1 to 256, at two prompt lengths:

    \b
      for n in 1 4 16 64 256; do for prompt in 256 4096; do
        vllm bench serve --model MODEL --dataset-name random --ignore-eos \\
          --random-input-len $prompt --random-output-len 256 \\
          --max-concurrency $n --num-prompts $((10 * n + 10)) \\
          --save-result --result-dir sweep --metadata gpu=H100-80GB vllm_version=0.11.0
      done; done

    A target each for --ttft-ms and --itl-ms gives the threshold to paste, by bisecting the event
    simulation under Poisson arrivals, with an interval from resampled sweeps.

    \b
    Try:
      prewarm calibrate sweep/
      prewarm calibrate sweep/ --ttft-ms 1000 --itl-ms 50 --lengths 1155:211 --output h100.json

    \b
    Exit status: 0 done, 2 a file or flag can't be used.
    """
    from simulations.calibration.errors import BadSweep
    from simulations.workload.errors import BadWorkload

    try:
        _calibrate(sweep, flags)
    except (BadSweep, BadWorkload, OSError) as exc:
        _stop(str(exc))
    except ModuleNotFoundError as exc:
        _stop(f"this needs {exc.name}: pip install 'keda-prewarm[simulations]'")


def _calibrate(paths: tuple[Path, ...], flags: dict[str, Any]) -> None:
    from simulations.calibration.fit import Known, fit
    from simulations.calibration.record import as_record, write_record
    from simulations.calibration.sweep import MeasuredOn, read_sweep
    from simulations.calibration.text import carried_lines, fit_lines

    targets = _targets(flags)
    told = MeasuredOn(**{name: flags[name] for name in ("model", "gpu", "vllm_version", "source")})
    sweep = read_sweep(paths, told, flags["kv_cache_tokens"])
    known = Known(
        kv_cache_tokens=sweep.kv_cache_tokens or float("inf"),
        max_sequences=flags["max_num_seqs"],
        overhead_seconds=flags["api_overhead_ms"] * MILLI,
    )
    fitted = fit(sweep.rows, known)
    if not flags["as_json"]:
        for line in fit_lines(sweep, fitted):
            click.echo(line)
    carried = () if targets is None else _carried(fitted, known, targets, flags)
    record = as_record(fitted, sweep.measured_on, targets, carried)
    if flags["as_json"]:
        click.echo(json.dumps(record, indent=1))
    elif targets is not None:
        for line in carried_lines(carried, targets):
            click.echo(line)
    if flags["output"] is not None:
        write_record(flags["output"], record)
        click.echo(f"Calibration: {flags['output']}", err=flags["as_json"])


def _targets(flags: dict[str, Any]) -> Any:
    from simulations.calibration.carried import Targets
    from simulations.calibration.errors import BadSweep

    first, between = flags["ttft_ms"], flags["itl_ms"]
    if (first is None) != (between is None):
        raise BadSweep("--ttft-ms, --itl-ms: one is missing; what a replica carries takes both")
    if first is None:
        return None
    return Targets(
        first_token_seconds=first * MILLI,
        inter_token_seconds=between * MILLI,
        attained_ratio=flags["attained"],
    )


def _carried(fitted: Any, known: Any, targets: Any, flags: dict[str, Any]) -> tuple[Any, ...]:
    from rich.console import Console
    from rich.progress import Progress

    from simulations.calibration.carried import carried_by
    from simulations.calibration.fit import resampled
    from simulations.workload.lengths import Length
    from simulations.workload.streams import stream

    models = [
        fitted.model,
        *resampled(fitted, known, stream(flags["seed"], "resampled sweeps"), N_RESAMPLES),
    ]
    wanted = _lengths(fitted, flags["lengths"])
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("what one replica carries", total=len(wanted) * len(models))
        return tuple(
            carried_by(
                models,
                targets,
                prompt=Length(mean=prompt, law=flags["length_law"]),
                completion=Length(mean=completion, law=flags["length_law"], cv=0.8),
                seed=flags["seed"],
                advance=lambda: bar.advance(task),
            )
            for prompt, completion in wanted
        )


def _lengths(fitted: Any, texts: tuple[str, ...]) -> list[tuple[float, float]]:
    from simulations.calibration.errors import BadSweep

    if not texts:
        lengths = {(round(row.prompt_tokens), round(row.completion_tokens)) for row in fitted.rows}
        return [(float(prompt), float(completion)) for prompt, completion in sorted(lengths)]
    found = []
    for text in texts:
        prompt, _, completion = text.partition(":")
        try:
            found.append((float(prompt), float(completion)))
        except ValueError as exc:
            raise BadSweep(
                f'--lengths: "{text}" is not allowed; allowed is PROMPT:ANSWER such as 1155:211'
            ) from exc
    return found


def _stop(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(UNUSABLE)
