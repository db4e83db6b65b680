from __future__ import annotations

import jax

# Before any test uses JAX: as many devices as the trainer itself would ask for, and no silent broadcasting.
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")
