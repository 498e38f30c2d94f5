"""Names for the array types of the engine, so that signatures say what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Slots = NDArray[np.intp]
"""Row numbers into the columns of the runs. They are a matter of this process and are never saved: files name runs by id."""

Records = NDArray[Any]
"""A structured array, its dtype given where it is made."""
