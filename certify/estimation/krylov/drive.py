"""Sweeps a Krylov method until a residual computed from x, not a recurred one, meets the tolerance or stops falling."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from certify.estimation.krylov.preconditioner import Preconditioner
from certify.estimation.krylov.result import Interrupted, Solved, Status, Stop
from certify.estimation.krylov.sweep import Claim, Job, Ledger, Rows, Sweep
from certify.estimation.krylov.task import NEARLY, Task, require_shapes
from certify.estimation.krylov.vectors import Scalars, column, dots, norms, ratio, unit_roundoff

Watch = Callable[[int, Scalars], None]
Begin = Callable[[Job], Sweep]

_CHECKS = 4  # products that the checks of an answer take: residual and normal residual, again after a lift
_DRIFT = 0.01  # of the target: what rounding may have done to a recurred residual that is taken at its word
_TRIES = 3  # at finishing it
_SWEEP = 5  # and that a further sweep takes at least: back to the start, its beginning, one iteration
_ENDS = {
    Claim.BUDGET: Status.BUDGET,
    Claim.CURVATURE: Status.CURVATURE,
    Claim.CONDITION: Status.CONDITION,
    Claim.STOPPED: Status.INTERRUPTED,
}


def drive(task: Task, begin: Begin, b: torch.Tensor, start: torch.Tensor | None, watch: Watch | None) -> Solved:
    """Solve for the rows of b with sweeps made by `begin`."""
    run = _Run(task, b, start)
    try:
        run.open_start()
        while (rows := run.open_rows()).size:
            for plain, tried, finish in itertools.product((False, True), repeat=3):
                group = rows[
                    (run.plain[rows] == plain) & ((run.tries[rows] > 0) == tried) & (run.finish[rows] == finish)
                ]
                if group.size:
                    (run.split if finish else run.sweep)(begin, group, plain, watch)
    except Stop:
        run.stop()
    except KeyboardInterrupt:
        raise Interrupted(run.stop_unchecked()) from None
    return run.solved()


@dataclass(frozen=True, eq=False)
class Flight:
    """A sweep under way, for whom, what they claimed so far, and whether its solutions are increments of x."""

    sweep: Sweep
    rows: Rows
    claims: Rows
    increments: bool


class _Run:
    """The right-hand sides on their way: scaled by powers of two, each with its iterate and its evidence."""

    def __init__(self, task: Task, b: torch.Tensor, start: torch.Tensor | None) -> None:
        require_shapes(task, b, start)
        self.task, count = task, b.shape[0]
        self.ledger = Ledger(task.operator, count)
        finite = torch.isfinite(b).all(dim=1)
        if start is not None:
            finite = finite & torch.isfinite(start).all(dim=1)
        self.scale = _power_of_two(b)
        self.b = torch.where(finite[:, None], b / self.scale, 0.0)
        self.start = None if start is None else torch.where(finite[:, None], start / self.scale, 0.0)
        self.x = b.new_zeros(count, task.operator.columns) if self.start is None else self.start.clone()
        self.r, self.size = self.b.clone(), norms(self.b)
        self.first = self.b
        self.out, self.g = torch.zeros_like(self.x), torch.zeros_like(self.x)
        self.status: list[Status | None] = [None] * count
        # the whole residual and the part that is reported, relative to |b|; the normal residual; the norm of A
        self.whole, self.rho, self.nu, self.norm = (
            np.ones(count),
            np.ones(count),
            np.full(count, np.inf),
            np.zeros(count),
        )
        self.plain, self.finish = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        self.unasked = np.zeros(count, dtype=bool)  # whose normal residual was not needed
        self.tries = np.zeros(count, dtype=np.int64)
        self.history, self.normal_history = np.full((64, count), np.nan), np.full((64, count), np.nan)
        self.iterations, self.steps = np.zeros(count, dtype=np.int64), 0
        self.curvature: torch.Tensor | None = None
        self.flight: Flight | None = None
        for i, good in enumerate(finite.tolist()):
            if not good:
                self.status[i] = Status.NOT_FINITE
                self.rho[i] = self.nu[i] = np.nan
            elif self.size[i] == 0:
                self.x[i], self.rho[i], self.nu[i] = 0.0, 0.0, 0.0
                self.status[i] = Status.ZERO

    def open_rows(self) -> Rows:
        return np.array([i for i, status in enumerate(self.status) if status is None], dtype=np.int64)

    def open_start(self) -> None:
        """The residual of a given start, which may already be the solution."""
        rows = self.open_rows()
        if self.start is None or not rows.size:
            return
        self.r[rows] = self.b[rows] - self.ledger.product(rows, self.x[rows])
        self.first = self.r.clone()
        self.whole[rows] = norms(self.r[rows]) / self.size[rows]
        self.rho[rows] = norms(self.r[rows][:, : self.task.reported]) / self.size[rows]
        for i in rows:
            if not np.isfinite(self.whole[i]):
                self.status[i] = Status.NOT_FINITE
            elif self.whole[i] == 0 or (not self.task.damped and self.rho[i] <= self.task.options.tolerance):
                self.status[i] = Status.CONVERGED

    def sweep(self, begin: Begin, rows: Rows, plain: bool, watch: Watch | None) -> None:
        """One sweep for `rows`, each until it claims an end, and the check of what was claimed."""
        target = np.where(self.task.damped, 0.0, self.task.options.tolerance * self.size[rows])
        claims = self._iterate(begin, self._job(rows, self.r[rows], target, plain, True), watch, None)
        rows = rows[[self.status[i] is None for i in rows]]
        if rows.size:
            self._judge(rows, claims, self.x[rows])

    def split(self, begin: Begin, rows: Rows, plain: bool, watch: Watch | None) -> None:
        r"""Solve anew for the part of b in the range, which a sweep has told from the rest to half the digits.

        :math:`Ay = Ar` is consistent, and its solution y is the part of r in the range. Then :math:`b - r + y` is that
        of b, and the sweep for it starts in the range: no part in the kernel can grow, as one does where a recurrence
        starts at b itself.
        """
        length = 0.1 * self.task.options.normal * norms(self.r[rows])
        constant = self.whole[rows] * self.size[rows]
        job = self._job(rows, self.g[rows], length * self.norm[rows], plain, False)
        claims = self._iterate(begin, job, watch, constant)
        good = np.isin(claims[rows], (Claim.REACHED, Claim.LEAST_SQUARES))
        base, chosen = self.x[rows].clone(), rows[good]
        parts = self.first[chosen] - self.r[chosen] + self.out[chosen]
        self.out[rows] = 0.0
        if good.any():
            job = self._job(chosen, parts, length[good], plain, False)
            claims[chosen] = self._iterate(begin, job, watch, constant[good])[chosen]
            base[torch.as_tensor(good, device=base.device)] = 0.0 if self.start is None else self.start[chosen]
        self._judge(rows, claims, base)

    def _job(self, rows: Rows, r: torch.Tensor, target: Scalars, plain: bool, ordinary: bool) -> Job:
        if not ordinary:  # iterated into its rounding, the right-hand side's own part in the kernel would grow
            target = np.maximum(target, 16 * unit_roundoff(r) * norms(r))
        early = ordinary and not self.tries[rows[0]]
        return Job(self.ledger, rows, r, target, self.norm[rows], None if plain else self.task.preconditioner, early)

    def _iterate(self, begin: Begin, job: Job, watch: Watch | None, constant: Scalars | None) -> Rows:
        """Sweep until every right-hand side has claimed an end; `constant`: lengths of the residual to record."""
        claims = np.full(len(self.status), Claim.RUNNING, dtype=np.int64)
        lengths = np.full(len(self.status), np.nan)
        if constant is not None:
            lengths[job.rows] = constant
        sweep = begin(job)
        self.flight = Flight(sweep, job.rows, claims, constant is None)
        while sweep.rows.size:
            spent = self.ledger.spent[sweep.rows] + sweep.costs() + _CHECKS
            self._leave(sweep, claims, np.where(spent > self.task.options.max_products, Claim.BUDGET, Claim.RUNNING))
            if sweep.rows.size:
                self._leave(sweep, claims, np.where(sweep.advance(), Claim.RUNNING, Claim.NOT_FINITE))
            if sweep.rows.size:
                residual, normal, ended = sweep.update()
                self._record(sweep.rows, residual if constant is None else lengths[sweep.rows], normal)
                if watch is not None:
                    watch(self.steps, self.history[: self.iterations.max()].copy())
                self._leave(sweep, claims, ended)
        self.flight = None
        return claims

    def _leave(self, sweep: Sweep, claims: npt.NDArray[np.int64], ended: npt.NDArray[np.int64]) -> None:
        """Take what the sweep has for the right-hand sides that end, and drop them from it."""
        gone = np.flatnonzero(ended != Claim.RUNNING)
        if not gone.size:
            return
        rows = sweep.rows[gone]
        claims[rows] = ended[gone]
        self.norm[rows] = np.fmax(self.norm[rows], sweep.norm[gone])
        self.out[rows] = sweep.solution()[torch.as_tensor(gone, device=self.x.device)]
        if self.flight is not None and self.flight.increments:
            self._trust(sweep, gone, ended)
        directions = sweep.directions()
        bent = np.flatnonzero(ended == Claim.CURVATURE)
        if directions is not None and bent.size:
            if self.curvature is None:
                self.curvature = torch.zeros_like(self.x)
            self.curvature[sweep.rows[bent]] = directions[bent] / column(norms(directions[bent]), directions)
        sweep.keep(ended == Claim.RUNNING)

    def _trust(self, sweep: Sweep, gone: Rows, ended: npt.NDArray[np.int64]) -> None:
        """Take a recurred residual at its word where rounding cannot have changed what it says: a product less."""
        recurred = sweep.recurred()
        if recurred is None or self.task.damped or self.task.matrix_tolerance:
            return
        for j in gone[ended[gone] == Claim.REACHED]:
            i, length = int(sweep.rows[j]), float(norms(recurred[0][j : j + 1])[0])
            target = self.task.options.tolerance * self.size[i]
            if recurred[1][j] <= _DRIFT * target and length + recurred[1][j] <= target:
                self.x[i] += self.out[i]
                self.r[i], self.whole[i] = recurred[0][j], length / self.size[i]
                self.rho[i], self.unasked[i], self.status[i] = self.whole[i], True, Status.CONVERGED

    def _record(self, rows: Rows, residual: Scalars, normal: Scalars | None) -> None:
        if self.iterations.max() == len(self.history):
            more = np.full_like(self.history, np.nan)
            self.history, self.normal_history = (np.vstack([h, more]) for h in (self.history, self.normal_history))
        self.history[self.iterations[rows], rows] = residual / self.size[rows]
        if normal is not None:
            self.normal_history[self.iterations[rows], rows] = normal / self.size[rows]
        self.iterations[rows] += 1
        self.steps += 1

    def _measure(self, rows: Rows, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, Scalars, Scalars, Scalars]:
        """Residual and its image under A^T, from x; the whole and reported sizes and the normal residual."""
        r = self.b[rows] - self.ledger.product(rows, x)
        length, g = norms(r), x.new_zeros(len(rows), self.task.operator.columns)
        reported = norms(r[:, : self.task.reported]) / self.size[rows]
        asked = ~(reported <= self._limit(rows, x)) | self.task.damped  # a solution needs no normal residual
        self.unasked[rows] = ~asked
        if asked.any():
            g[torch.as_tensor(asked)] = self.ledger.adjoint(rows[asked], r[torch.as_tensor(asked)])
        slope = norms(g)
        self.norm[rows] = np.fmax(self.norm[rows], np.where(np.isfinite(slope), ratio(slope, length), 0.0))
        nu = ratio(slope, self.norm[rows] * length)
        return r, g, length / self.size[rows], reported, nu

    def _judge(self, rows: Rows, claims: npt.NDArray[np.int64], base: torch.Tensor) -> None:
        """Turn claims into statuses, or leave a right-hand side open for another sweep."""
        normal, x = self.task.options.normal, base + self.out[rows]
        r, g, whole, rho, nu = self._measure(rows, x)
        least = (rho > self._limit(rows, x)) & ((claims[rows] == Claim.LEAST_SQUARES) | (nu <= max(normal, NEARLY)))
        unfit = (
            least
            & ((claims[rows] == Claim.LEAST_SQUARES) | (nu <= normal))
            & ~self.plain[rows]
            & (not _keeps_range(self.task.preconditioner))
            & (not self.task.damped)
        )
        for j in np.flatnonzero(least & ~unfit & self.task.lift):
            one = rows[j : j + 1]
            lifted = self._lifted(one, x[j : j + 1], r[j : j + 1])
            again, taken, left = self._measure(one, lifted), norms(x[j : j + 1] - lifted)[0], norms(lifted)[0]
            fits = again[2][0] <= whole[j] * (1 + 1e-9 + 16 * unit_roundoff(x))
            if fits:
                x[j], r[j], whole[j], rho[j], nu[j] = lifted[0], again[0][0], again[2][0], again[3][0], again[4][0]
                g[j] = again[1][0]
            # what was taken out was so long that its rounding is left, or did not come out: not finished
            if not fits or 100 * unit_roundoff(x) * taken > max(normal, unit_roundoff(x)) * left:
                nu[j] = max(nu[j], 2 * normal)
        for j, i in enumerate(rows):
            finite = bool(np.isfinite(whole[j]) and np.isfinite(nu[j]))
            accepted = finite and whole[j] <= self.whole[i] * (1 + 1e-6)
            progress = accepted and (whole[j] <= 0.5 * self.whole[i] or nu[j] <= 0.5 * self.nu[i])
            if accepted:
                self.x[i], self.r[i], self.g[i] = x[j], r[j], g[j]
                self.whole[i], self.rho[i], self.nu[i] = whole[j], rho[j], nu[j]
            # a recurrence has met its limit outside the range: finish there
            retry = accepted and self.task.lift and bool(least[j] or self.finish[i]) and self.tries[i] < _TRIES
            self.finish[i] = retry
            self.tries[i] += retry
            self.status[i] = self._status(i, Claim(claims[i]), finite, bool(unfit[j]), progress or retry)

    def _limit(self, rows: Rows, x: torch.Tensor) -> Scalars:
        limit = np.full(len(rows), self.task.options.tolerance)
        if self.task.matrix_tolerance:
            limit += self.task.matrix_tolerance * self.norm[rows] * norms(x) / self.size[rows]
        return limit

    def _status(self, i: int, claim: Claim, finite: bool, unfit: bool, progress: bool) -> Status | None:
        if not finite or claim is Claim.NOT_FINITE:
            return Status.NOT_FINITE
        one = np.array([i])
        if not self.task.damped and self.rho[i] <= self._limit(one, self.x[one])[0]:
            return Status.CONVERGED
        if unfit:
            self.finish[i] = False
            self._start_plain(one)
        elif self.nu[i] <= self.task.options.normal:
            return Status.CONVERGED if self.task.damped else Status.OUTSIDE
        elif claim in _ENDS:
            return _ENDS[claim]
        elif not progress:
            return Status.STALLED
        affordable = self.ledger.spent[i] + _SWEEP + _CHECKS <= self.task.options.max_products
        return None if affordable else Status.BUDGET

    def _lifted(self, rows: Rows, x: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        """x without its part along r: where A is symmetric and r in its kernel, the part of x - start in the kernel."""
        unit = r / column(norms(r), r)
        moved = x if self.start is None else x - self.start[rows]
        return x - column(dots(moved, unit), x) * unit

    def _start_plain(self, rows: Rows) -> None:
        """Back to the start, from now on without the preconditioner: it changes what least squares means."""
        if self.ledger.spent[rows[0]] + _SWEEP + _CHECKS > self.task.options.max_products:
            return
        self.plain[rows] = True
        self.x[rows] = 0.0 if self.start is None else self.start[rows]
        self.r[rows] = self.first[rows]
        self.whole[rows] = norms(self.r[rows]) / self.size[rows]
        self.nu[rows] = np.inf

    def stop(self) -> None:
        """End on request: what was under way is checked, and interrupted if it is not a solution yet."""
        if self.flight is not None:
            flight, self.flight = self.flight, None
            self._leave(flight.sweep, flight.claims, np.full(len(flight.sweep.rows), Claim.STOPPED))
            if not flight.increments:
                self.out[flight.rows] = 0.0
            self._judge(flight.rows, flight.claims, self.x[flight.rows])
        for i in self.open_rows():
            self.status[i] = Status.INTERRUPTED

    def stop_unchecked(self) -> Solved:
        """End at once, without a further product."""
        if self.flight is not None and self.flight.increments:
            sweep = self.flight.sweep
            solution = sweep.solution()
            if len(solution) == len(sweep.rows):  # not in the middle of dropping some
                self.out[sweep.rows] = solution
                self.x[self.flight.rows] += self.out[self.flight.rows]
        for i in self.open_rows():
            self.status[i] = Status.INTERRUPTED
            self.rho[i] = self.nu[i] = np.nan
        return self.solved()

    def solved(self) -> Solved:
        """The result, scaled back, with arrays that cannot be changed."""
        count = int(self.iterations.max(initial=0))
        ended = [Status.INTERRUPTED if status is None else status for status in self.status]
        curved = np.array([status is Status.CURVATURE for status in ended])
        exact = self.start is None and _keeps_range(self.task.preconditioner)
        return Solved(
            x=self.x * self.scale,
            status=tuple(ended),
            residual=_frozen(self.rho),
            normal_residual=_frozen(np.where(np.isinf(self.nu) | self.unasked, np.nan, self.nu)),
            tolerance=self.task.options.tolerance,
            history=_frozen(self.history[:count].copy()),
            normal_history=_frozen(self.normal_history[:count].copy()) if self.task.recurs_normal else None,
            products=_frozen(self.ledger.spent),
            iterations=_frozen(self.iterations),
            curvature=None if self.curvature is None else self.curvature * column(curved, self.x),
            minimum_norm=exact,
        )


def _keeps_range(preconditioner: Preconditioner | None) -> bool:
    return preconditioner is None or preconditioner.keeps_range


def _frozen(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    values.setflags(write=False)
    return values


def _power_of_two(b: torch.Tensor) -> torch.Tensor:
    """The power of two next to the largest entry of each row, (r, 1): dividing by it changes no digit."""
    if b.shape[1] == 0:
        return b.new_ones(b.shape[0], 1)
    largest = b.abs().amax(dim=1, keepdim=True)
    usual = torch.isfinite(largest) & (largest > 0)
    _, exponent = torch.frexp(torch.where(usual, largest, 1.0))
    return torch.ldexp(torch.ones_like(largest), exponent - 1)
