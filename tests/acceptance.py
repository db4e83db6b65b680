"""What theory predicts, against training: one check a statement, each with what was measured and what is allowed.

The tests run the checks at sizes that take seconds, `make bench` at those that take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import mstage


@dataclass(frozen=True)
class Check:
    """A statement, what was measured, and the least and the greatest that is allowed."""

    statement: str
    measured: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        return bool(self.low <= self.measured <= self.high)

    def __str__(self) -> str:
        mark = "" if self.holds else "   MISSED"
        return f"  {self.statement}: {self.measured:.4g} (allowed {self.low:.4g} to {self.high:.4g}){mark}"


def relative(statement: str, measured: float, predicted: float, tolerance: float) -> Check:
    """Measured over predicted, within a tolerance of 1."""
    return Check(f"{statement}, over theory", measured / predicted, 1 - tolerance, 1 + tolerance)


def exit_and_level(problem: str | mstage.Table, widths: tuple[int, ...] = (400, 1600)) -> list[Check]:
    """T1 within 3 %, and the level of the secondary plateau within 5e-4 R_lin at the largest width."""
    first = mstage.predict(
        mstage.Sweep(mstage.TwoLayer(alpha=(1.0,), width=(max(widths),)), problem=problem, until=1.0)
    ).runs[0]
    until = max(first.escape_time.low or 0.0, 12 * first.exit_time.value)
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.0, 1.5), width=widths),
        problem=problem,
        dynamics=mstage.Descent(learning_rate=(0.05,)),
        seed=(0, 1, 2),
        until=float(np.ceil(until)),
    )
    measured, theory = mstage.report(mstage.train(sweep)).measured, mstage.predict(sweep)
    assert measured is not None
    name, linear = theory.problem, theory.constants.loss_linear
    checks = []
    for alpha in sweep.model.alpha:
        for width in widths:
            same = [one for one in measured.runs if (one.run["alpha"], one.run["width"]) == (alpha, width)]
            said = theory.of({"alpha": alpha, "width": width})
            assert said is not None
            label = f"{name}, alpha {alpha:g}, m {width}"
            exits = [one.value("exit time") for one in same]
            checks.append(relative(f"T1 ({label})", float(np.median(exits)), said.exit_time.value, 0.03))
            if width == max(widths):
                level = np.median([one.value("secondary level") for one in same])
                off = abs(level - said.secondary_level.value) / linear
                checks.append(Check(f"|R - R_lin + |A|^2 c3/m| / R_lin ({label})", float(off), 0.0, 5e-4))
    return checks


def scaling(widths: tuple[int, ...], seeds: int, activation: str = "tanh") -> list[Check]:
    """Slopes over widths: T1 against log m, the gap to R_lin, T2, the relative distance at T1."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(activation=activation, alpha=(1.0, 1.5), width=widths),
        seed=tuple(range(seeds)),
        until=1.2 * max(widths) ** 0.88,
    )
    checks = []
    for one in mstage.report(mstage.train(sweep)).laws:
        label = f"alpha {one.run['alpha']:g}, m {widths[0]} to {widths[-1]}, {activation}"
        if one.law.quantity == "exit time" and activation == "tanh":
            checks.append(relative(f"slope of T1 in log m ({label})", one.slope, one.predicted, 0.06))
        if one.law.quantity == "secondary level" and activation == "tanh":
            checks.append(Check(f"slope of log(R_lin - R) in log m ({label})", one.slope, -1.1, -0.9))
        if one.law.quantity == "relative distance at exit" and activation == "tanh":
            slope = one.predicted  # of the closed form at these widths, which is alpha - 1/2 at large ones alone
            checks.append(Check(f"exponent of the distance at T1 in m ({label})", one.slope, slope - 0.1, slope + 0.1))
        if one.law.quantity == "escape time":
            low, high = (0.65, 0.95) if activation == "tanh" else (0.4, 0.6)
            checks.append(Check(f"exponent of T2 in m ({label})", one.slope, low, high))
    return checks


def early_flow(width: int = 4000) -> list[Check]:
    """Alignment up to the exit, W2(|a|, |w|) over its closed form on the same initial weights, the V's minimum."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.5,), width=(width,)),
        problem="gauss5",
        dynamics=mstage.Descent(learning_rate=(0.02,)),
        until=8.0,
        recording=mstage.Recording("log:400", 120),
    )
    tree, theory = mstage.train(sweep), mstage.predict(sweep)
    flow, report = theory.runs[0].flow, mstage.report(tree)
    assert flow is not None
    assert report.measured is not None
    place = {"alpha": 0, "width": 0, "seed": 0, "learning_rate": 0}
    condensation = mstage.measure_condensation(tree).quantities.isel(place)
    time, (one,) = condensation.snapshot_time.values, report.measured.runs
    early = (time > 0.5) & (time < theory.runs[0].exit_time.value)
    off = np.abs(condensation.alignment.values[early] / flow.alignment(time[early]) - 1).max()
    values = {name: one.value(name) or np.nan for name in one.quantities}
    return [
        Check(f"alignment on the plateau, largest deviation (gauss5, m {width})", float(off), 0.0, 0.01),
        relative(f"W2(|a|, |w|) where farthest from its closed form up to 0.9 T1 (gauss5, m {width})",
                 values["W2 over its closed form"], 1.0, 0.015),
        relative(f"minimum of W2 over T1 (gauss5, m {width})", values["minimum of the V"], values["exit time"], 0.1),
    ]  # fmt: skip


def logistic_rise(width: int = 1600) -> list[Check]:
    """s grows at 2 lambda, and from 10 to 90 % of s* in ln(81) / (2 lambda), where the best fit lies along z.

    From the weights; the loss shows the growth within 1 %, and the rise shorter, for it falls further off z.
    """
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(1.0, 1.5), width=(width,)),
        dynamics=mstage.Descent(learning_rate=(0.02,)),
        until=20.0,
        recording=mstage.Recording("log:2000", 400),
    )
    tree, theory = mstage.train(sweep), mstage.predict(sweep)
    measured = mstage.report(tree).measured
    assert measured is not None
    checks = []
    for index, (one, found) in enumerate(zip(theory.runs, measured.runs, strict=True)):
        group = tree[f"width_{width}"].dataset.isel(alpha=index, seed=0, learning_rate=0)
        z, along = theory.constants.direction, theory.constants.along
        s = np.einsum("tk,tkd,d->t", group.output_weight.values, group.input_weight.values, z)
        time = tree.dataset.snapshot_time.values[0, : int((s > 0.95 * along).argmax())]
        ten, ninety = np.interp([0.1 * along, 0.9 * along], s[: time.size], time)
        label = f"cub1d, alpha {one.alpha:g}, m {width}"
        rise, growth = found.value("10-90 % rise along z"), found.value("initial growth")
        assert rise is not None
        assert growth is not None
        checks.append(relative(f"10-90 % rise of s ({label})", float(ninety - ten), one.rise_time.value, 0.04))
        checks.append(relative(f"the same from the loss ({label})", rise, float(ninety - ten), 0.08))
        checks.append(relative(f"growth of s from the loss ({label})", growth, one.initial_growth.value, 0.01))
    return checks


def participation(width: int = 1600) -> list[Check]:
    """On the secondary plateau the amplitudes are chi-squared, so that a third of the neurons take part."""
    sweep = mstage.Sweep(mstage.TwoLayer(alpha=(1.5,), width=(width,)), seed=(0, 1, 2), until=25.0)
    last = mstage.measure_condensation(mstage.train(sweep)).quantities.isel(snapshot=-1)
    share = float(last.participation.mean()) / width
    return [relative(f"participation over m/3 (cub1d, m {width})", share, 1 / 3, 0.05)]


def escape_is_decided_by_the_sign(until: float) -> list[Check]:
    """With c3 < 0 the loss never falls below R_lin; with its sign turned it escapes."""
    x = np.linspace(-1, 1, 40)
    checks = []
    with TemporaryDirectory() as folder:
        for name, cubic in (("c3 < 0", 0.5), ("c3 > 0", -0.5)):
            path = Path(folder) / f"{cubic}.csv"
            path.write_text("\n".join(["x,y", *(f"{a!r},{a + cubic * a**3!r}" for a in x.tolist())]))
            table = mstage.Table(str(path), target="y", standardise=False, intercept=False)
            sweep = mstage.Sweep(
                mstage.TwoLayer(width=(400,)), problem=table, until=until, recording=mstage.Recording("log:400", 0)
            )
            loss = mstage.train(sweep).loss.values
            linear = mstage.predict(sweep).constants.loss_linear
            least = float(loss.min()) / linear
            low, high = (1.0, np.inf) if cubic > 0 else (0.0, 0.9)
            checks.append(Check(f"least loss over R_lin up to t = {until:g} ({name}, m 400)", least, low, high))
    return checks


def escape_does_not_depend_on_alpha(width: int = 1600) -> list[Check]:
    """T2 - T1 is that of the amplitudes' law, which alpha does not enter."""
    sweep = mstage.Sweep(
        mstage.TwoLayer(alpha=(0.75, 1.0, 1.5), width=(width,)), seed=(0, 1, 2), until=1.2 * width**0.88
    )
    measured = mstage.report(mstage.train(sweep)).measured
    assert measured is not None
    ends = {
        alpha: np.median([one.value("escape time") for one in measured.runs if one.run["alpha"] == alpha])
        for alpha in sweep.model.alpha
    }
    spread = max(ends.values()) / min(ends.values()) - 1
    return [Check(f"spread of T2 over alpha 0.75 to 1.5 (cub1d, m {width})", float(spread), 0.0, 0.10)]


def linear_network(width: int = 200) -> list[Check]:
    """A linear activation on whitened inputs: the two-layer linear network in closed form."""
    random = np.random.default_rng(0)
    x = np.linalg.qr(random.standard_normal((60, 3)))[0] * np.sqrt(60)
    y = x @ np.array([1.0, -0.5, 0.8])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "white.csv"
        rows = np.column_stack([x, y]).tolist()
        path.write_text("\n".join(["a,b,c,y", *(",".join(map(repr, row)) for row in rows)]))
        table = mstage.Table(str(path), target="y", standardise=False, intercept=False)
        sweep = mstage.Sweep(
            mstage.TwoLayer(activation="identity", alpha=(1.5,), width=(width,)),
            problem=table,
            dynamics=mstage.Descent(learning_rate=(0.002,)),
            until=8.0,
        )
        tree = mstage.train(sweep).isel(alpha=0, seed=0, learning_rate=0)
    group, found = tree[f"width_{width}"], tree.loss.sel(width=width)
    loss = balanced_linear_network(group.output_weight.values[0], group.input_weight.values[0], x, y,
                                   found.time.values)  # fmt: skip
    off = float(np.abs(found.values - loss).max() / loss[0])
    return [Check(f"linear activation against the closed form, largest deviation over R0 (m {width})", off, 0.0, 0.01)]


def balanced_linear_network(
    output: np.ndarray, inputs: np.ndarray, x: np.ndarray, y: np.ndarray, time: np.ndarray
) -> np.ndarray:
    """Loss of f = sum_k a_k w_k . x from small weights, X^T X / n = 1 and targets that are linear in x.

    While small, the mode p = (a + W z)/2 grows as exp(lambda t); the product s = |p|^2 exp(2 lambda t) saturates as the
    logistic s' = 2 s (lambda - s) (Saxe, McClelland, Ganguli 2014, eq. 7, of one mode).
    """
    trend = x.T @ y / y.size
    rate = float(np.linalg.norm(trend))
    mode = (output + inputs @ trend / rate) / 2
    start = float(mode @ mode)
    s = rate / (1 + (rate / start - 1) * np.exp(-2 * rate * time))
    return np.asarray((rate - s) ** 2 / 2)
