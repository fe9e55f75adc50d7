"""The step-time model from a sweep, its error on rows that it was not told, and its doubt.

1. Prefill: P0 + P1 * prompt = mean time to first token at concurrency 1, less the API's overhead.
2. What others' prefills cost a sequence comes off its mean inter-token latency: at concurrency n
   each sequence meets n - 1 of them while it gets its tokens (`ReplicaModel.inter_token`). Left in,
   they would be counted twice: once in B and C, once as prefill.
3. A + B * n + C * n * context = the rest, by non-negative least squares (Lawson & Hanson 1974) of
   relative errors: noise grows with the time that is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from forecasting.arrays import FloatMatrix, FloatVector
from simulations.calibration.errors import BadSweep
from simulations.calibration.sweep import Row
from simulations.plant.model import ReplicaModel

ALONE = 1.0
LEAST_LUCK = 0.05  # no resampled time is zero or less
SAME_CONTEXT_RATIO = 1.2  # contexts closer than this can't tell B from C


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a sweep does not tell: it is stated, or it is vLLM's default."""

    kv_cache_tokens: float = float("inf")
    max_sequences: int = 256
    prefill_share: float = 1.0
    overhead_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Mean absolute relative errors on settings left out one at a time; None: not measured.

    `inter_token_worst` is the largest one. `n` settings were left out.
    """

    n: int
    inter_token: float
    inter_token_worst: float
    first_token: float | None
    throughput: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A model, the rows that it rests on, its error, and what its user must know."""

    model: ReplicaModel
    rows: tuple[Row, ...]
    held_out: HeldOut | None
    notes: tuple[str, ...]


def fit(rows: Sequence[Row], known: Known) -> Fit:
    """Return the model of a sweep. Raises `BadSweep` where the sweep can't tell it."""
    inside = tuple(row for row in rows if _fits(row, known))
    notes = list(_notes(inside, len(rows) - len(inside)))
    model = model_of(inside, known)
    held_out = hold_out(inside, known)
    if held_out is None:
        notes.append("Too few settings to leave one out: the error is not known.")
    return Fit(model=model, rows=inside, held_out=held_out, notes=tuple(notes))


def model_of(rows: Sequence[Row], known: Known) -> ReplicaModel:
    """Return the model that fits these rows best. Raises `BadSweep`."""
    alone = [row for row in rows if row.concurrency == ALONE]
    if not alone:
        raise BadSweep(
            "max_concurrency: no row of 1; a prefill is told by the time to first token of a "
            "request alone, so add a run with --max-concurrency 1"
        )
    if len({row.concurrency for row in rows}) < 2:  # noqa: PLR2004 - a line needs two points
        raise BadSweep(
            "max_concurrency: 1 alone; needed are two or more, such as 1, 4, 16, 64 and 256"
        )
    prefill_seconds, per_token = _prefill(alone, known.overhead_seconds)
    prompts = np.array([row.prompt_tokens for row in rows])
    met = _others(rows) * (prefill_seconds + per_token * prompts)
    steps = np.array([row.inter_token_seconds for row in rows]) - met
    a, b, c = _relative(_design(rows), steps, np.array([row.inter_token_seconds for row in rows]))
    if not a + b > 0:
        raise BadSweep(
            "mean_itl_ms: not more than what prefills of others take; is mean_ttft_ms that of a "
            "server that was warm?"
        )
    return ReplicaModel(
        step_seconds=a,
        step_seconds_per_sequence=b,
        step_seconds_per_token=c,
        prefill_seconds=prefill_seconds,
        prefill_seconds_per_token=per_token,
        kv_cache_tokens=known.kv_cache_tokens,
        max_sequences=known.max_sequences,
        prefill_share=known.prefill_share,
        overhead_seconds=known.overhead_seconds,
    )


def hold_out(rows: Sequence[Row], known: Known) -> HeldOut | None:
    """Return the errors on settings that were left out; repeats of one setting go together."""
    steps: list[float] = []
    firsts: list[float] = []
    rates: list[float] = []
    n = 0
    for setting in sorted({row.setting for row in rows}):
        rest = [row for row in rows if row.setting != setting]
        try:
            model = model_of(rest, known)
        except BadSweep:  # the only row of concurrency 1, or the only other concurrency
            continue
        n += 1
        for row in (row for row in rows if row.setting == setting):
            steps.append(_error(expected_inter_token(model, row), row.inter_token_seconds))
            if row.concurrency == ALONE:
                firsts.append(_error(_first_token(model, row), row.first_token_seconds))
            if row.requests_per_second is not None:
                rates.append(_error(_throughput(model, row), row.requests_per_second))
    if not steps:
        return None
    return HeldOut(
        n=n,
        inter_token=float(np.mean(steps)),
        inter_token_worst=max(steps),
        first_token=float(np.mean(firsts)) if firsts else None,
        throughput=float(np.mean(rates)) if rates else None,
    )


def expected_inter_token(model: ReplicaModel, row: Row) -> float:
    """Return the mean inter-token latency that the model expects of a row's run."""
    return model.inter_token(row.concurrency, row.prompt_tokens, row.completion_tokens)


def resampled(fitted: Fit, known: Known, rng: np.random.Generator, n: int) -> list[ReplicaModel]:
    """Return `n` models, each fitted to the sweep as it might have come out as well.

    A bootstrap of relative residuals, made larger by the degrees of freedom that the fit took
    (Davison & Hinkley 1997, 6.2): rows themselves are too few, and a draw may lose concurrency 1.
    """
    model, rows = fitted.model, fitted.rows
    alone = [row for row in rows if row.concurrency == ALONE]
    steps = _widened(
        [row.inter_token_seconds / expected_inter_token(model, row) - 1.0 for row in rows], 3
    )
    firsts = _widened(
        [row.first_token_seconds / _first_token(model, row) - 1.0 for row in alone], 2
    )

    def luck(residuals: FloatVector) -> float:
        return max(1.0 + float(rng.choice(residuals)), LEAST_LUCK)

    def drawn(row: Row) -> Row:
        return replace(
            row,
            inter_token_seconds=expected_inter_token(model, row) * luck(steps),
            first_token_seconds=_first_token(model, row) * luck(firsts),
        )

    return [model_of([drawn(row) for row in rows], known) for _ in range(n)]


def _first_token(model: ReplicaModel, row: Row) -> float:
    """Return the time to first token that the model expects of a request alone."""
    return model.prefill(row.prompt_tokens) + model.overhead_seconds


def _widened(residuals: Sequence[float], n_parameters: int) -> FloatVector:
    free = max(len(residuals) - n_parameters, 1)
    wide: FloatVector = np.array(residuals) * np.sqrt(len(residuals) / free)
    return wide


def _prefill(alone: Sequence[Row], overhead_seconds: float) -> tuple[float, float]:
    prompts = np.array([row.prompt_tokens for row in alone])
    firsts = np.array([row.first_token_seconds for row in alone])
    design = np.column_stack([np.ones(prompts.size), prompts])
    if not _differ(prompts):
        design[:, 0] = 0.0  # one length tells one number: all of it is by the token
    begin, per_token = _relative(design, np.maximum(firsts - overhead_seconds, 0.0), firsts)
    return begin, per_token


def _design(rows: Sequence[Row]) -> FloatMatrix:
    n = np.array([row.concurrency for row in rows])
    contexts = np.array([row.context_tokens for row in rows])
    held = n * contexts if _differ(contexts) else np.zeros(n.size)
    return np.column_stack([np.ones(n.size), n, held])


def _relative(design: FloatMatrix, wanted: FloatVector, scale: FloatVector) -> list[float]:
    """Return the non-negative least squares solution of relative errors."""
    columns = np.maximum(np.abs(design).max(axis=0), 1e-300)  # else 1e6 tokens drown the rest
    solution, _ = nnls(design / columns / scale[:, None], wanted / scale)
    found: list[float] = (solution / columns).tolist()
    return found


def _others(rows: Sequence[Row]) -> FloatVector:
    """Return how many prefills of others a token meets on average."""
    return np.array([(row.concurrency - 1.0) / (row.completion_tokens - 1.0) for row in rows])


def _throughput(model: ReplicaModel, row: Row) -> float:
    residence = model.residence(row.concurrency, row.prompt_tokens, row.completion_tokens)
    return row.concurrency / (residence + model.overhead_seconds)


def _fits(row: Row, known: Known) -> bool:
    """Whether all of a row's requests ran at once: else some waited, and n is not what ran."""
    held = row.concurrency * (row.prompt_tokens + row.completion_tokens)
    return row.concurrency <= known.max_sequences and held <= known.kv_cache_tokens


def _differ(lengths: FloatVector) -> bool:
    return bool(lengths.size and lengths.max() > SAME_CONTEXT_RATIO * lengths.min())


def _error(expected: float, measured: float) -> float:
    return abs(expected - measured) / measured


def _notes(rows: Sequence[Row], n_outside: int) -> list[str]:
    notes = []
    if n_outside:
        notes.append(
            f"{n_outside} rows left out: their requests did not all fit at once (KV cache, "
            "max_num_seqs)."
        )
    if rows and not _differ(np.array([row.context_tokens for row in rows])):
        notes.append(
            "One context length: its cost is inside B, and other lengths are a guess. Add runs "
            "with prompts of another length."
        )
    alone = np.array([row.prompt_tokens for row in rows if row.concurrency == ALONE])
    if alone.size and not _differ(alone):
        notes.append(
            "One prompt length at concurrency 1: prefill is taken for proportional to it. Add "
            "runs with --max-concurrency 1 and other prompts."
        )
    return notes
