"""Tensors of these tests have all their methods: the ops are loaded, as a session does."""

import tcli.ops  # noqa: F401
