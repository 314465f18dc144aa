"""The words of op samples, as the generated tests and the recorder of goldens use them."""

from tcli.engine.vocabulary import NAMES, VARIANTS, Library, Words, arguments, flat, golden_path

__all__ = ["NAMES", "VARIANTS", "Library", "Words", "arguments", "flat", "golden_path"]
