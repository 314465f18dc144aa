"""All ops. Importing this package tells the registry which family declares what and gives `Tensor` its methods.

A family is loaded when one of its names is first asked for.
"""

from ..engine import registry
from ..engine.methods import install
from . import _index

registry.know(_index.TABLES)
install()
