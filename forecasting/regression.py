"""Linear quantile regression by a primal-dual interior point method.

Solves ``min_b sum_i pinball(y_i - x_i b)`` as its dual linear programme
``max y'a, X'a = (1 - level) X'1, 0 <= a <= 1`` with Mehrotra's predictor-corrector steps, the
"Frisch-Newton" algorithm of Portnoy & Koenker (1997), which is also the large-sample solver of
R's quantreg. Each iteration costs one weighted normal matrix, and about fifteen reach a duality
gap of 1e-8 per row, where iterative reweighting (what statsmodels does) needs hundreds. It also
neither warns nor touches global state, so that fits may run in threads.
"""

from typing import NamedTuple

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector

_STEP_RATIO = 0.9995  # how far to the boundary a step may go
_MAX_ITERATIONS = 60
_JITTER = 1e-12  # of the mean diagonal: collinear columns stay solvable
_SMALLEST = 1e-300


class _Point(NamedTuple):
    """An iterate: dual variables a and 1 - a, coefficients b, and the multipliers z, w > 0."""

    a: FloatVector
    slack: FloatVector
    b: FloatVector
    z: FloatVector
    w: FloatVector


def quantile_coefficients(
    design: FloatMatrix,
    target: FloatVector,
    level: float,
    *,
    ridge: float = 0.0,
    gap: float = 1e-8,
) -> FloatVector:
    """Return the coefficients b, (k,), whose `design @ b` is the `level` quantile of `target`.

    Minimises ``sum_i pinball(y_i - x_i b) + ridge / 2 sum_j b_j^2``. With `ridge` > 0 the answer
    is unique, collinear columns or not. `design` is (n, k) with n >= 1 and holds the constant
    column if one is wanted. `gap` bounds the distance to the best objective, per row and per
    unit of the mean absolute target.
    """
    n = target.size
    point = _start(design, target, level, ridge)
    right = (1.0 - level) * design.sum(axis=0)
    enough = gap * n * (float(np.mean(np.abs(target))) + _SMALLEST)
    for _ in range(_MAX_ITERATIONS):
        missing = right - ridge * point.b - design.T @ point.a
        between = float(point.z @ point.a + point.w @ point.slack)
        if not between + float(np.abs(missing * point.b).sum()) > enough:
            break
        with np.errstate(all="ignore"):
            following = _step(design, point, missing, ridge)
        if following is None:
            break
        point = following
    return -point.b


def _start(design: FloatMatrix, target: FloatVector, level: float, ridge: float) -> _Point:
    """Return a first interior point: least squares, and every row at `1 - level`."""
    b = _solve(design.T @ design, design.T @ -target, ridge)
    r = -target - design @ b
    r[r == 0] = 1e-3
    z = np.maximum(r, 0.0)
    return _Point(np.full(r.size, 1.0 - level), np.full(r.size, level), b, z, z - r)


def _step(design: FloatMatrix, now: _Point, missing: FloatVector, ridge: float) -> _Point | None:
    """Return the next iterate, an affine step and then a centred one; None if it overflows.

    `missing` is what ``X'a + ridge b`` lacks of its right-hand side, (k,).
    """
    a, slack, _, z, w = now
    weight = 1.0 / (z / a + w / slack)
    r = z - w
    normal = design.T @ (design * weight[:, None])
    db = _solve(normal, design.T @ (weight * r) + missing, ridge)
    da = weight * (design @ db - r)
    affine = _Point(da, -da, db, -z * (1.0 + da / a), -w * (1.0 - da / slack))
    reached = _moved(now, affine, together=ridge > 0)
    if min(_reach(now, affine)) < 1.0:
        gap, left = (
            float(z @ a + w @ slack),
            float(reached.z @ reached.a + reached.w @ reached.slack),
        )
        centre = gap * (left / gap) ** 3 / (2.0 * a.size)
        dadz, dsdw = da * affine.z / a, -da * affine.w / slack
        turn = dadz - dsdw - centre * (1.0 / a - 1.0 / slack)
        db = _solve(normal, design.T @ (weight * (r + turn)) + missing, ridge)
        da = weight * (design @ db - r - turn)
        dz = (centre - z * da) / a - dadz - z
        dw = (centre + w * da) / slack - dsdw - w
        reached = _moved(now, _Point(da, -da, db, dz, dw), together=ridge > 0)
    finite = np.isfinite(reached.b).all() and np.isfinite(reached.a).all()
    return reached if bool(finite) else None


def _moved(now: _Point, move: _Point, *, together: bool) -> _Point:
    """Return the point after `move`, shortened so that all that must stay positive does.

    A ridge ties the coefficients to a, so both sides then take the same step.
    """
    primal, dual = _reach(now, move)
    if together:
        primal = dual = min(primal, dual)
    return _Point(
        now.a + primal * move.a,
        now.slack + primal * move.slack,
        now.b + dual * move.b,
        now.z + dual * move.z,
        now.w + dual * move.w,
    )


def _reach(now: _Point, move: _Point) -> tuple[float, float]:
    """Return how much of `move` the primal (a, slack) and the dual (z, w) can take, each <= 1."""
    return (
        min(_longest(now.a, move.a), _longest(now.slack, move.slack)),
        min(_longest(now.z, move.z), _longest(now.w, move.w)),
    )


def _longest(value: FloatVector, move: FloatVector) -> float:
    down = move < 0
    if not down.any():
        return 1.0
    return min(1.0, _STEP_RATIO * float(np.min(-value[down] / move[down])))


def _solve(normal: FloatMatrix, right: FloatVector, ridge: float) -> FloatVector:
    """Return the solution of a symmetric system, kept regular where columns are collinear."""
    k = right.size
    lift = ridge + _JITTER * float(np.trace(normal)) / k + _SMALLEST
    return np.asarray(np.linalg.solve(normal + lift * np.eye(k), right), dtype=np.float64)
