"""The numbers of the stage finder that were found by trying, with what they were tried on.

They are those that give the right stages, boundaries and intervals most often on noisy curves with known stages, of
seeds other than those that are reported: those of `tests/bench/staircases.py` (staircases of deep linear networks,
exponentials, power laws and flat curves, with white and autocorrelated noise and spikes, on linear and logarithmic
clocks) and of `tests/bench/practice_kinds.py` (drops of a learning rate, blow-ups, epochs, grokking and what else logs
hold). The defaults of `SegmentationMethod` were chosen together with them. `make bench` says what a change costs.
"""

from __future__ import annotations

# Scale
RANGE_LENGTH = 3.0  # of all losses on a straight scale, in units in which a logarithmic one has 2.3 a decade
RISING_BLOCKS = 20  # whose medians tell whether a curve rises to a ceiling
RISING_SHARE = 0.1  # of what it goes up, that it goes down at most
RISING_FACTOR = 30.0  # by which it goes up at most

# Noise
SMOOTH_RATIO = 2.6  # of the squared differences at lags 2 and 1: noise of any correlation stays below 2, shape has 16
SMOOTH_RATIO_FAR = 8.0  # the same at lags 4 and 1: noise of any correlation stays below 4, shape has 256
COMMON_SHARE = 0.1  # of the differences that have to move for those that do not to be left out
MIN_INDEPENDENT = 12  # independent records that a curve counts for at least: slower wandering is shape

HEAVIER = 1.35  # tails of the second differences than at a shorter lag: that and longer ones tell of the shape
LIGHTER = 1.6  # tails than at a shorter lag, that only steps have which come back
NEAR_HEAVY = 4  # place of the first heavier lag up to which, and
FAR_HEAVIER = 2.0  # factor between the tails at two lags from which on, there are steps
STEPS_ADD = 1.6  # factor by which steps add to the squared differences at the second lag
FAR_LESS = 0.6  # of the correlation that all lags tell, below which that of the first is taken
TIED_SHARE = 0.5  # of the records around one that are as the one before, from which they say nothing of the noise
MIN_TELLING = (
    136  # records that say something of it, that the noise is told from; from all of them where these are fewer
)
BLOCK_RECORDS = 24  # at least, in a block whose noise is looked at by itself
MOST_BLOCKS = 60
SHAPED = 4.0  # times the variance that fourth differences tell, from which on second ones tell of the shape
CLEAR_CHANGE = 2.5  # ratio of the noise of two blocks, below which all have the same
MOST_CHANGE = 100.0  # factor between the noise of a block and that of the whole curve

# Bins
LATE_SHARE = 0.33  # of the number of bins on a logarithmic clock, that there are on the clock itself
MOST_BINS = 4  # times the even ones
OFF_LINE = 4.0  # standard errors off the line through its neighbours, beyond which half a bin asks for a finer one
OFF_SHAPE = 0.003  # of log loss, that it may be off besides
OFF_STEP = 0.03  # of the change from the bin before to the one after, that it may be off besides
SPIKE_SIGMAS = 5.0  # from the median around it, beyond which a single value is a spike

# Knots
SHAPE_SIGMA = 0.002  # of log loss: error of a straight line where the curve is flat
SHAPE_SHARE = 0.02  # of the change of the curve from bin to bin: error of a straight line where it is steep
JOIN_MISFIT = 5.0  # squared standard errors that two pieces joined to one may misfit more
MOST_KNOTS = 250
JUMP_SIGMAS = 3.0  # standard errors between two pieces where they meet, beyond which the curve jumps there
BENT_ERROR = 4.0  # of the difference of two pieces where they meet, that is an error of the height there

# Segments
HEIGHT_STEP = 0.5  # between the heights that are tried at a knot, in standard errors of the smoothed curve
PLATEAU_RECORDS = 2  # that a plateau has at least, besides the one that it begins with
LINE_SHARE = 0.3  # of `least_drop`, that a single line changes by if it is none of a plateau
SHARED_DRAWS = 0.2  # of the lines drawn, that have to agree on a whole sequence for it to be taken
TURN_SHARE = 0.15  # of a descent and a rise, that a plateau between them lasts at least
SHORT = 0.1  # on the scale of the segmentation, below which a plateau within a descent needs such sides, too
WHOLE_SIDES = 2.0  # times `least_drop`, that a descent or a rise beside such a plateau changes at least
FLATTER = 10.0  # times that a plateau within a descent is less steep than its sides, by their geometric mean
FLATTER_THAN_BOTH = 2.0  # times that it is less steep than either
MOST_STEEP = 300.0  # times as steep, beyond which a side counts no more
FLAT_LENGTH = 12.0  # of such a plateau, times the factor by which it is flatter
HIGHER_BARS = (3.0, 9.0, 27.0, 81.0)  # of the steepness, at which a descent or a rise is looked at again
LOWER_BARS = (1 / 3, 1 / 9, 1 / 27)  # of the steepness, at which a plateau is looked at again
WHOLE_DROPS = 4.0  # times `least_drop`, by which a plateau has to change to become one descent or rise at a lower bar
SPLIT_DOUBT = 0.02  # factor of `change` and `rise` there: several bars in several plateaus are tried
STAIRCASE_KNOTS = 72  # more of which a curve has to have to be looked at as a staircase of many steps
STAIRCASE_SHARE = 0.5  # of the slope of the curve around it, below which a line of a staircase is a plateau
AROUND = 0.35  # on the scale of the segmentation, to each side
STAIRCASE_PLATEAUS = 5  # that a staircase has at least, besides the first and the last
STAIRCASE_ERRORS = 2.0  # standard errors, by which a plateau may be steeper than all of them together tell
PROBABILITY_AGREED = 0.96  # measured share of the stages on which all lines drawn agree that are real
PROBABILITY_DOUBTED = 0.6  # the same of those on which none does, but which the most frequent sequence has

# Boundaries
CLEAR_TREND = 3.0  # standard errors of the slope of a plateau's second half, beyond which it has a trend
TREND_SHARES = (0.01, 0.5)  # of the way beside it, that a plateau with a trend goes at least and at most
BREAK = 8.0  # times as steep as the trend of a plateau, that the way beside it is at least
FASTER = 1.3  # ratio of slopes up to which a plateau goes on steadily
CLEAR_MISS = 2.0  # standard errors of the records off the line, beyond which a level follows the records
WIDEN = 1.2  # factor of the spread of a boundary over the lines drawn, which agree more than they should
MIN_RECORDS_OFF = 0.9  # records to each side of a boundary, that it may be off whatever the noise

# Rates
CLEARLY_BETTER = 10.0  # of AICc, by which a power law has to be better than an exponential
LEAST_GAIN = 4.0  # times less of the shape that it has to leave
MIN_SPAN = 3.0  # factor of the clock over which it has to go
