"""The numbers of the stage finder that were found by trying, with what they were tried on.

They are those that give the right stages, boundaries and intervals most often on the noisy curves with known stages of
`tests/bench/staircases.py`: staircases of deep linear networks, exponentials, power laws and flat curves, with white
and autocorrelated noise and spikes, on linear and logarithmic clocks, of seeds other than those that are reported. The
defaults of `SegmentationMethod` were chosen together with them. `make bench` says what a change costs.
"""

from __future__ import annotations

# Noise
SMOOTH_RATIO = 2.6  # of the squared differences at lags 2 and 1: noise of any correlation stays below 2, shape has 16
SMOOTH_RATIO_FAR = 8.0  # the same at lags 4 and 1: noise of any correlation stays below 4, shape has 256
COMMON_SHARE = 0.1  # of the differences that have to move for those that do not to be left out
MIN_INDEPENDENT = 12  # independent records that a curve counts for at least: slower wandering is shape

# Bins
SPIKE_SIGMAS = 5.0  # from the median around it, beyond which a single value is a spike
FLOOR_SHARE = 0.03  # of the range of the losses, by which the floor of losses that can be negative lies below the least

# Knots
SMOOTHING_HALF = 5  # bins to each side that the smoothed curve takes
REACH = 0.02  # of the curve's length to each side, where bins are sparse
SHAPE_SIGMA = 0.002  # of log loss: error of a straight line where the curve is flat
SHAPE_SHARE = 0.02  # of the change of the curve from knot to knot: error of a straight line where it is steep
BENT_SHARE = 0.4  # of the knots, that go to where the curve bends
MAX_DENSITY = 4.0  # of knots there, over the mean
CLEAR_BEND = 2.0  # standard errors by which a bend has to exceed the noise

# Segments
HEIGHT_STEP = 0.5  # between the heights that are tried at a knot, in standard errors of the smoothed curve
LOWER_BARS = (1 / 3, 1 / 9, 1 / 27)  # of the steepness, at which a plateau is looked at again
WHOLE_DROPS = 4.0  # times `least_drop`, by which a plateau has to change to become one descent or rise at a lower bar
SPLIT_DOUBT = 0.02  # factor of `change` and `rise` there: several bars in several plateaus are tried
PROBABILITY_AGREED = 0.96  # measured share of the stages on which all lines drawn agree that are real
PROBABILITY_DOUBTED = 0.6  # the same of those on which none does, but which the most frequent sequence has

# Boundaries
MIN_TREND = 0.03  # slope of log loss from which a plateau can have a trend
FASTER = 1.2  # ratio of slopes from which a plateau that goes down is on its way into the descent, without a trend
AGREED_SHARE = 0.5  # of the lines drawn, that have to show the trend
AVERAGED_BINS = 5  # over which the misfit of the lines is averaged
CLEAR_MISS = 2.0  # standard errors by which this misfit has to exceed the noise
WIDEN = 1.5  # factor of the spread of a boundary over the lines drawn, which agree more than they should
MIN_WIDTH = 0.12  # of the distance between two knots, to each side of a boundary
