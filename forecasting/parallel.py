"""Fits through joblib, so that its backends serve: processes, threads, dask or ray.

    with joblib.parallel_config("loky", n_jobs=4):
        fitted = fit_all(forecaster, questions, apply=in_parallel)

joblib comes with the extra `simulations`; a cluster's backend is registered as its own
documentation says.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from threadpoolctl import threadpool_limits

Q = TypeVar("Q")
A = TypeVar("A")


def in_parallel(call: Callable[[Q], A], questions: Iterable[Q]) -> list[A]:
    """Return the answers in order, as `map` would, from the backend that is configured.

    Linear algebra takes one thread in each worker: sums over more of them have other bits.
    """
    from joblib import Parallel, delayed  # noqa: PLC0415 - of an extra

    answers: list[A] = Parallel()(delayed(_alone)(call, question) for question in questions)
    return answers


def _alone(call: Callable[[Q], A], question: Q) -> A:
    with threadpool_limits(limits=1, user_api="blas"):
        return call(question)
