import os

import numpy
import numpy.typing

class LeNet:
    """The network `LeNet` with its 44426 parameters."""

    PARAMS: int

    def __init__(self, seed: int = 0) -> None:
        """Creates a network with random parameters, the same for the same seed."""

    @staticmethod
    def load(path: str | os.PathLike[str]) -> LeNet:
        """Reads the weights of a safetensors file."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the weights to a safetensors file."""

    def forward(self, x: numpy.typing.NDArray[numpy.float32], /) -> numpy.typing.NDArray[numpy.float32]:
        """Computes (10,) from (28, 28, 1)."""

    def forward_batch(self, x: numpy.typing.NDArray[numpy.float32], /) -> numpy.typing.NDArray[numpy.float32]:
        """Computes (n, 10) from (n, 28, 28, 1), on all threads."""

class TwoInputs:
    """The network `TwoInputs` with its 0 parameters."""

    PARAMS: int

    def __init__(self, seed: int = 0) -> None:
        """Creates a network with random parameters, the same for the same seed."""

    @staticmethod
    def load(path: str | os.PathLike[str]) -> TwoInputs:
        """Reads the weights of a safetensors file."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the weights to a safetensors file."""

    def forward(self, x0: numpy.typing.NDArray[numpy.float64], x1: numpy.typing.NDArray[numpy.float64], /) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """Computes (5,), (5,) from (2,), (1, 3)."""

    def forward_batch(self, x0: numpy.typing.NDArray[numpy.float64], x1: numpy.typing.NDArray[numpy.float64], /) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """Computes (n, 5), (n, 5) from (n, 2), (n, 1, 3), on all threads."""
