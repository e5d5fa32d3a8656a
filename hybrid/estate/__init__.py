"""The estate: one file that describes everything, typed and checked.

from hybrid.estate import load_estate
estate = load_estate(Path("hybrid.yaml"))
"""

from hybrid.estate.loading import load_estate
from hybrid.estate.model import Estate
from hybrid.estate.problem import EstateError, Problem

__all__ = ["Estate", "EstateError", "Problem", "load_estate"]
