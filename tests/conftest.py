from __future__ import annotations

import signal

import jax

# A shell starts what it runs in the background with Ctrl-C ignored, and processes hand that on to those they start:
# the tests that interrupt a process would interrupt nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before any test uses JAX: as many devices as the trainer itself would ask for, and no silent broadcasting.
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")
