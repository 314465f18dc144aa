"""How fast tcli is beside NumPy, PyTorch and JAX; run by scripts/bench."""
