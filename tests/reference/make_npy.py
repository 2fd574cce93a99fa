"""Writes the arrays that tests/files/data_npy.rs reads, with NumPy itself, to tests/reference/npy:

    python3 tests/reference/make_npy.py
"""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "npy"

# Numbers of an array of the shape [2, 3, 4]: 100 a + 10 b + c, and a fraction.
NUMBERS = np.fromfunction(lambda a, b, c: 100 * a + 10 * b + c, (2, 3, 4))
ARRAYS = {
    "f32": (NUMBERS + 0.5).astype("<f4"),
    "f64_big": (NUMBERS + 0.1).astype(">f8"),
    "f32_fortran": np.asfortranarray((NUMBERS + 0.5).astype("<f4")),
    "i16_big_fortran": np.asfortranarray((NUMBERS - 100).astype(">i2")),
    "u8": NUMBERS.astype("u1"),
    "bool": NUMBERS % 2 == 1,
    "scalar": np.float64(2.5),
    "empty": np.zeros((0, 3), "<f4"),
    "i64": np.array([2, 0, 1], "<i8"),
    "u16_big": np.array([2, 0, 300], ">u2"),
    "f16": np.array([1.0], "<f2"),
    "complex": np.array([1.0j], "<c16"),
    "text": np.array(["abc"]),
    "structured": np.array([(1, 2.0)], [("a", "<i4"), ("b", "<f8")]),
}


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, array in ARRAYS.items():
        np.save(FOLDER / f"{name}.npy", array)
    some = {name: ARRAYS[name] for name in ["f32", "i64", "f16"]}
    np.savez(FOLDER / "some.npz", **some)
    np.savez_compressed(FOLDER / "packed.npz", **some)
    with open(FOLDER / "version_2.npy", "wb") as file:
        np.lib.format.write_array(file, ARRAYS["f32"], version=(2, 0))


if __name__ == "__main__":
    main()
