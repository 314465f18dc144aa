"""All ops. Importing this package declares every family and gives `Tensor` its methods."""

from ..engine.tensor import install
from . import families

families.load()
install()
