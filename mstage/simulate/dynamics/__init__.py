"""How networks move: in steps of an optimizer, or along the gradient flow."""
