#!/usr/bin/env python3
"""Reference values from scikit-learn for the preprocessing of shapewright.

Run, from the root of the repository:

    pip install scikit-learn numpy
    python3 tests/reference/make_preprocessing.py

It writes preprocessing.json next to itself. The file in the repository was
made with scikit-learn 1.9.1 and numpy 2.4.6. The script is seeded.

Format
------
{"sklearn": version, "cases": [case, ...]}. Arrays are flat, in row-major
order; null is a missing value. Inputs are numbers that an f32 holds exactly.

kind "scale"
    train, other [samples, 4]
    mean, std [4]                        StandardScaler of train
    standard, standard_back              other, transformed and back
    min, max [4], minmax, minmax_range   MinMaxScaler of train; other to 0..1
                                         and to -2..3
    minmax_back                          the last, back
    fill_mean, fill_median [4]           SimpleImputer of train
    filled                               other with fill_mean
kind "folds"
    classes, folds, labels
    counts [folds, classes]              StratifiedKFold's validation parts
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import MinMaxScaler, StandardScaler

HERE = pathlib.Path(__file__).parent


def flat(x):
    return [None if np.isnan(v) else float(v) for v in np.asarray(x, float).ravel()]


def scale_case(name, train, other):
    standard = StandardScaler().fit(train)
    unit = MinMaxScaler().fit(train)
    wide = MinMaxScaler((-2, 3)).fit(train)
    mean = SimpleImputer(strategy="mean").fit(train)
    median = SimpleImputer(strategy="median").fit(train)
    return {
        "name": name,
        "kind": "scale",
        "train": flat(train),
        "other": flat(other),
        "mean": flat(standard.mean_),
        "std": flat(standard.scale_),
        "standard": flat(standard.transform(other)),
        "standard_back": flat(standard.inverse_transform(standard.transform(other))),
        "min": flat(unit.data_min_),
        "max": flat(unit.data_max_),
        "minmax": flat(unit.transform(other)),
        "minmax_range": flat(wide.transform(other)),
        "minmax_back": flat(wide.inverse_transform(wide.transform(other))),
        "fill_mean": flat(mean.statistics_),
        "fill_median": flat(median.statistics_),
        "filled": flat(mean.transform(other)),
    }


def scales():
    rng = np.random.default_rng(0)

    def drawn(samples):
        # Features of different sizes, one far from zero.
        x = rng.integers(-512, 512, (samples, 4)) / np.array([4, 512, 16, 64])
        x[:, 3] += 256
        return x

    def missing(x):
        return np.where(rng.random(x.shape) < 0.2, np.nan, x)

    yield scale_case("plain", drawn(31), drawn(9))
    yield scale_case("missing_odd_and_even", missing(drawn(40)), missing(drawn(12)))
    constant = drawn(20)
    constant[:, 1] = np.float32(0.1)
    constant[:, 2] = 0
    yield scale_case("constant_features", constant, drawn(6))
    one_value = missing(drawn(8))
    one_value[:, 0] = np.nan
    one_value[3, 0] = 5.5
    yield scale_case("one_value", one_value, missing(drawn(5)))
    yield scale_case("one_sample", drawn(1), drawn(3))


def folds_case(name, classes, folds, labels):
    labels = np.array(labels)
    cut = StratifiedKFold(folds, shuffle=True, random_state=0).split(labels, labels)
    counts = [np.bincount(labels[validation], minlength=classes) for _, validation in cut]
    return {
        "name": name,
        "kind": "folds",
        "classes": classes,
        "folds": folds,
        "labels": labels.tolist(),
        "counts": np.array(counts).ravel().tolist(),
    }


def folds():
    rng = np.random.default_rng(1)
    for folds in [2, 3, 5, 10]:
        labels = rng.choice(4, 77, p=[0.45, 0.15, 0.3, 0.1])
        yield folds_case(f"random_{folds}", 4, folds, labels)
    yield folds_case("sorted_from_the_last", 4, 4, [3] * 7 + [2] * 9 + [0] * 6)
    yield folds_case("as_many_as_samples_of_a_class", 4, 5, [1] * 5 + [0] * 5)


if __name__ == "__main__":
    cases = [*scales(), *folds()]
    body = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    text = f'{{"sklearn":"{sklearn.__version__}","cases":[\n{body}\n]}}\n'
    (HERE / "preprocessing.json").write_text(text)
    print(f"preprocessing.json: {len(cases)} cases, {len(text)} bytes")
