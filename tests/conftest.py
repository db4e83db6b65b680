from __future__ import annotations

import os
import signal
from tempfile import mkdtemp

import jax

from tests.type_checks import check

# A shell starts what it runs in the background with Ctrl-C ignored, and processes hand that on to those they start:
# the tests that interrupt a process would interrupt nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before any test uses JAX: as many devices as the trainer itself would ask for, and no silent broadcasting.
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")

# What the commands under test compile is kept for all processes of a run, but not in the cache of whoever runs it.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["XDG_CACHE_HOME"] = mkdtemp(prefix="mstage-tests-")

check("mstage.analysis", "mstage.history", "matplotlib.axes", "pandas", "scipy.ndimage", "scipy.special", "xarray")
check("mstage.training_set", "mstage.errors")
check("mstage.simulate", "mstage.history", "mstage.spec", "diffrax", "optax")
