"""What learns: one family of networks a module, and what follows from each of them by JAX."""
