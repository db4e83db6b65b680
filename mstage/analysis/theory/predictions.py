"""The numbers that theory gives for one run: exit time, rise, levels, escape; each with its conditions.

A prediction whose conditions do not hold has a reason instead of a number (see `constants` and `linear_flow`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtri

from mstage.analysis.display import Tabled, lines, place
from mstage.analysis.theory.constants import NOTHING, TAYLOR, ProblemConstants, Taylor
from mstage.analysis.theory.exit_predictions import exit_predictions
from mstage.analysis.theory.linear_flow import LinearFlow
from mstage.analysis.theory.prediction import Prediction
from mstage.spec.models.layers import activation_parts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import pandas as pd

EXIT_SHARE = 0.1  # of R0 - R_lin, that the loss has lost at the exit of the initial plateau
ESCAPE_FACTORS = (0.45, 0.7, 1.0)  # measured over predicted time: smallest, typical, largest
MISREAD = 0.002  # of R0 - R_z, that R_lin is below R_z, from which s is read off the loss a per cent too large
NO_SLOPE = "the activation has no derivative at 0, or one of 0"
WIDE = "alpha is at most 1/2: the weights are not small, and there is no initial plateau"
DRIFTS = "sigma''(0) is not 0: the loss drifts down along the plateau, by up to theory's band"
LINEAR = "the targets are linear in the inputs: there is no secondary plateau"
TWO_SCALES = "alpha_output differs from alpha, and theory is of weights that all start at one scale"
UNRELATED = "the targets have no linear trend (v = 0), so nothing grows at this order"


@dataclass(frozen=True, repr=False)
class Theory:
    """What theory says of one run.

    Attributes:
        constants: Of the training set.
        activation: sigma, as a model has it.
        alpha: Initialization scale.
        width: Hidden neurons, m.
        learning_rate: Of gradient descent; None for gradient flow.
        no_flow: Why the run does not follow the gradient flow, as under another optimizer; theory then gives the
            initial level alone. Empty where it does.
        alpha_output: Initialization scale of the output weights; None where they have none of their own.
    """

    constants: ProblemConstants
    activation: str
    alpha: float
    width: int
    learning_rate: float | None = None
    no_flow: str = ""
    alpha_output: float | None = None

    def __repr__(self) -> str:
        return lines(f"Theory of {self.activation}, {place(self.run)}", map(str, self.predictions))

    def __post_init__(self) -> None:
        activation_parts(self.activation)

    @property
    def run(self) -> dict[str, float]:
        """Its coordinates: `alpha`, `width` and, where it has them, `learning_rate` and `alpha_output`."""
        more = {"learning_rate": self.learning_rate, "alpha_output": self.alpha_output}
        return {"alpha": self.alpha, "width": self.width} | {name: one for name, one in more.items() if one is not None}

    @property
    def has_two_scales(self) -> bool:
        """Whether the output weights start at another scale than the input weights."""
        return self.alpha_output not in (None, self.alpha)

    @property
    def taylor(self) -> Taylor | None:
        """The activation near 0."""
        return TAYLOR[activation_parts(self.activation)[0]]

    @property
    def why_no_flow(self) -> str:
        """Why there is no flow on the initial plateau; empty where there is one."""
        if self.no_flow or self.has_two_scales or self.taylor is None:
            return self.no_flow or (TWO_SCALES if self.has_two_scales else NO_SLOPE)
        if self.constants.is_unrelated:
            return UNRELATED
        return WIDE if self.alpha <= 0.5 else ""

    @property
    def flow(self) -> LinearFlow | None:
        """The flow on the initial plateau; None where nothing grows."""
        if self.taylor is None or self.why_no_flow:
            return None
        rate = self.taylor.slope * self.constants.rate
        if self.learning_rate is not None:  # (1 + lr lambda)^step = exp(lambda_eff time)
            rate = float(np.log1p(self.learning_rate * rate) / self.learning_rate)
        return LinearFlow(rate, self.taylor.slope, float(self.width) ** (1 - 2 * self.alpha), self.constants)

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """All of them, in the order of the stages; times in units of gradient-flow time."""
        at_exit = exit_predictions(self.exit_time, self.flow, self.taylor, self.width**-self.alpha)
        return (
            self.initial_level, self.exit_time, *at_exit, self.initial_growth, self.rise_time, self.secondary_level,
            self.gap, self.escape_time,
        )  # fmt: skip

    @property
    def initial_level(self) -> Prediction:
        """R0, the loss of f = 0."""
        name, why = ("initial level", "R0"), TWO_SCALES if self.has_two_scales else WIDE if self.alpha <= 0.5 else ""
        return Prediction.none(*name, why) if why else Prediction.of(*name, self.constants.loss_zero)

    @property
    def exit_time(self) -> Prediction:
        """T1 = inf{t : R0 - R(t) > (R0 - R_lin)/10} = asinh(s* q m^(2 alpha - 1) / slope) / (2 lambda).

        q is the share of s* at which that much is lost: q - q^2/2 = (R0 - R_lin)/(20 (R0 - R_z)).
        """
        name, flow, known = ("exit time", "T1"), self.flow, self.constants
        if flow is None:
            return Prediction.none(*name, self.why_no_flow)
        half = EXIT_SHARE * (known.loss_zero - known.loss_linear) / (2 * (known.loss_zero - known.loss_along))
        if half >= 0.5:
            return Prediction.none(*name, "the fit along z alone does not go a tenth of the way to the best linear fit")
        share = 1 - np.sqrt(1 - 2 * half)
        grown = known.along * share / (flow.slope * flow.scale)
        large = "the weights are hardly smaller than at exit: what they sum up to at step 0 counts, too"
        return Prediction.of(*name, float(np.arcsinh(grown) / (2 * flow.rate)), large if grown < 2 else "")

    @property
    def initial_growth(self) -> Prediction:
        """2 lambda, at which s grows until it nears s*; 2 lambda_eff = 2 log(1 + lr lambda)/lr for discrete steps."""
        name, flow, late = ("initial growth", "2 lambda"), self.flow, self.exit_time.why
        if flow is None:
            return Prediction.none(*name, self.why_no_flow)
        return Prediction.of(*name, 2 * flow.rate, late if self.exit_time.applies else "")

    @property
    def rise_time(self) -> Prediction:
        """From 10 to 90 % of s*: s' = 2 s (lambda - s z^T Sigma z) is logistic, so ln(81) / (2 lambda)."""
        name = ("10-90 % rise along z", "ln(81)/(2 lambda)")
        if self.taylor is None or self.flow is None:
            return Prediction.none(*name, self.why_no_flow)
        known = self.constants
        further = (known.loss_along - known.loss_linear) / (known.loss_zero - known.loss_along)
        why = f"the fit turns off z, for {100 * further:.1f} % more of the loss: read off the loss, the rise is shorter"
        value = float(np.log(81) / (2 * self.taylor.slope * known.rate))
        return Prediction.of(*name, value, why if further > MISREAD else "")

    @property
    def secondary_level(self) -> Prediction:
        """R_lin + (sigma'''(0)/2) c3 |A|^2 / (slope^2 m), which is R_lin - |A|^2 c3/m for tanh.

        The third order adds sigma''' /6 sum_k rho_k^2 (u.x)^3 to f, with rho_k = |a_k| |w_k| = |A| xi_k^2 / (slope m)
        and xi_k Gaussian, so that sum rho_k^2 = 3 |A|^2 / (slope^2 m); its product with the residuals is c3. The second
        order adds sigma''/2 sum_k +-rho_k^(3/2) (u.x)^2 of random signs: no shift, but a scatter.
        """
        name, known, taylor = ("secondary level", "R_lin - |A|^2 c3/m"), self.constants, self.taylor
        if taylor is None or self.flow is None:
            return Prediction.none(*name, self.why_no_flow)
        if known.is_linear:
            return Prediction.none(*name, LINEAR)
        shift, scatter = self._shift
        level = known.loss_linear + shift
        low, high = level - 2 * scatter, level + 2 * scatter
        if taylor.curvature:
            low -= level / np.sqrt(self.width)  # what was measured at widths 100 to 800; not derived
            why = DRIFTS
        elif shift > 0:
            why = f"higher orders hold the loss above R_lin; it relaxes towards {known.loss_linear + shift / 3:.4g}"
        else:
            why = self._narrow
        return Prediction(*name, level, float(low), float(high), why)

    @property
    def gap(self) -> Prediction:
        """|A|^2 c3/m: how far the secondary level is below R_lin; a test of that term, where a level is none."""
        name, level = ("gap to R_lin", "|A|^2 c3/m"), self.secondary_level
        if level.value is None or self.taylor is None:
            return Prediction.none(*name, level.why)
        if self.taylor.curvature:
            return Prediction.none(*name, DRIFTS)
        gap = self.constants.loss_linear - level.value
        if abs(gap) <= NOTHING * self.constants.loss_linear:
            return Prediction.none(*name, "c3 = 0 or a linear activation: the level is R_lin at this order")
        return Prediction.of(*name, gap, self._narrow)

    @property
    def _shift(self) -> tuple[float, float]:
        """By how much the secondary level is above R_lin, and the scatter of that over seeds."""
        known, taylor = self.constants, self.taylor or Taylor(1.0, 0.0, 0.0)
        shift = taylor.third / 2 * known.cubic * known.size**2 / (taylor.slope**2 * self.width)
        scatter = abs(taylor.curvature / 2 * known.square) * (known.size / taylor.slope) ** 1.5 / self.width
        return shift, float(np.sqrt(15)) * scatter

    @property
    def _narrow(self) -> str:
        """That the correction is large; empty where it is small."""
        large = abs(self._shift[0]) > 0.1 * self.constants.loss_linear
        return "the width is small: the correction is over a tenth of R_lin" if large else ""

    @property
    def escape_time(self) -> Prediction:
        """T2, when the largest neuron leaves the secondary plateau: a scaling law with a wide error.

        rho_k' = K rho_k (rho_k - sum rho^2 / sum rho), K = -(2/3) sigma''' c3: the largest neuron blows up after
        T2 - T1 = slope m / (K |A| (xi_max^2 - 3)). Where sigma'' is not 0 the force is one order lower,
        rho' = (3/2) |sigma'' c2| rho^(3/2), and T2 - T1 = (4/3) sqrt(slope m / (|A| xi_max^2)) / |sigma'' c2|; the
        sooner of the two counts. What was measured is 0.45 to 1 of either, mostly 0.7: tangential drift, which they
        leave out, helps.
        """
        name, known, taylor = ("escape time", "T2"), self.constants, self.taylor
        exit_time = self.exit_time
        if taylor is None or exit_time.value is None:
            return Prediction.none(*name, exit_time.why)
        if known.is_linear:
            return Prediction.none(*name, LINEAR)
        largest = float(chdtri(1, np.log(2) / self.width))  # median of xi_max^2
        durations = []
        force = abs(taylor.curvature * known.square)
        if force > NOTHING * known.loss_linear:
            durations.append(4 / 3 * np.sqrt(taylor.slope * self.width / (known.size * largest)) / force)
        pull = -2 / 3 * taylor.third * known.cubic
        if pull > 0 and largest > 3:
            durations.append(taylor.slope * self.width / (pull * known.size * (largest - 3)))
        if not durations:
            return Prediction.none(*name, self._why_no_escape(pull))
        duration = min(durations)
        low, value, high = (exit_time.value + factor * float(duration) for factor in ESCAPE_FACTORS)
        why = "a scaling law: right within a factor of 1.5"
        cubic = abs(known.cubic)
        if known.tangential > cubic:  # the drift of the directions is of the same order, and not in the formula
            low = exit_time.value + (low - exit_time.value) * cubic / (cubic + known.tangential)
            why = "|g_perp| > |c3|: rather an upper limit, for a drift left out here can be several times faster"
        return Prediction(*name, value, low, high, why)

    def _why_no_escape(self, pull: float) -> str:
        """Why the secondary plateau is not left at the orders that are known."""
        if self.taylor is not None and self.taylor.curvature == self.taylor.third == 0:
            return "the activation is linear: the secondary plateau is never left"
        if pull <= 0:
            return f"c3 = {self.constants.cubic:.3g}: its sign makes the amplitudes equal, no neuron escapes"
        return "the width is too small for a largest neuron to stand out"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        told = ("value", "low", "high", "why")
        predictions = {one.name: {name: getattr(one, name) for name in told} for one in self.predictions}
        return {"run": self.run, "predictions": predictions}


@dataclass(frozen=True, repr=False)
class SweepTheory(Tabled):
    """What theory says of the runs of a sweep; seeds do not matter to it.

    Attributes:
        problem: Name of what is learnt.
        constants: Of the training set.
        runs: One entry for each alpha, width, learning rate and alpha_output.
        remarks: What its numbers leave out, and what was made of the data before.
    """

    problem: str
    constants: ProblemConstants
    runs: tuple[Theory, ...]
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        constants = ", ".join(f"{name} {value:.4g}" for name, value in self.constants.to_dict().items())
        return "\n".join([f"Theory of {self.problem}: {constants}", *map(repr, self.runs[:2])])

    def of(self, run: Mapping[str, Any]) -> Theory | None:
        """The entry of a run, by its coordinates as `Theory.run` has them, as far as it has them itself."""
        for one in self.runs:
            if all(run.get(name, value) == value for name, value in one.run.items()):
                return one
        return None

    def to_dataframe(self) -> pd.DataFrame:
        """One row a prediction: `alpha`, `width`, `learning_rate`, `alpha_output` if any, those of `Prediction`."""
        import pandas as pd

        heads: list[dict[str, Any]] = [
            {"alpha": one.alpha, "width": one.width, "learning_rate": one.learning_rate, **one.run} for one in self.runs
        ]
        pairs = zip(heads, self.runs, strict=True)
        return pd.DataFrame([head | asdict(prediction) for head, one in pairs for prediction in one.predictions])

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        runs = [one.to_dict() for one in self.runs]
        head = {"problem": self.problem, "constants": self.constants.to_dict()}
        return head | {"runs": runs, "remarks": list(self.remarks)}
