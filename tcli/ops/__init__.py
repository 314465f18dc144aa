"""All ops. Importing this package declares every family and gives `Tensor` its methods."""

from ..engine.methods import install
from . import families

families.load()
install()
