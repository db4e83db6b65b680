"""The JAX core: what is learnt, what learns, how it moves, and the compiled trainer."""
