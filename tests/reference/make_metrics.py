#!/usr/bin/env python3
"""Reference values from scikit-learn for the metrics of shapewright.

Run, from the root of the repository:

    pip install scikit-learn numpy
    python3 tests/reference/make_metrics.py

It writes metrics.json next to itself. The file in the repository was made
with scikit-learn 1.9.1 and numpy 2.4.6. The script is seeded.

Format
------
{"sklearn": version, "cases": [case, ...]}. Arrays are flat, in row-major
order. All inputs are numbers that an f32 holds exactly.

kind "classes"
    classes, labels, probabilities [samples, classes] (they sum to 1 exactly;
    there are ties and zeros)
    confusion, by_labels, by_predictions, by_all     [classes, classes]
    precision, recall, f1    {"each": [classes], "macro", "micro", "weighted"}
    accuracy, balanced_accuracy, matthews
    top_k             [k = 1 .. classes - 1]; ties to the smaller class, which
                      scikit-learn does after the classes are turned round
    log_loss, log_loss_f32    of the probabilities as f64 and as f32
    auc, auc_weighted         one against the rest; null without a sample of
                              each class
    logits, log_loss_logits, auc_logits    the same of softmax(logits)
kind "ranking"
    scores, positive, auc, average_precision; null where scikit-learn warns
    that the value is not defined
kind "regression"
    outputs, y, target [samples, outputs], mse, rmse, mae, r2 (null for one
    sample)
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import metrics as m

HERE = pathlib.Path(__file__).parent


def number(x):
    x = float(x)
    return None if np.isnan(x) else x


def flat(x):
    return [int(v) if float(v).is_integer() else float(v) for v in np.asarray(x).ravel()]


def averaged(function, y, p, classes):
    every = range(classes)
    return {"each": flat(function(y, p, labels=every, average=None, zero_division=0))} | {
        average: number(function(y, p, average=average, zero_division=0))
        for average in ["macro", "micro", "weighted"]
    }


def classes_case(name, classes, labels, probabilities, logits):
    y, p, n = np.array(labels), np.asarray(probabilities), range(classes)
    assert (p.sum(axis=1) == 1).all() and (p.astype(np.float32) == p).all()
    predictions = p.argmax(axis=1)
    softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    everything = len(set(labels)) == classes

    def auc(p, average):
        if not everything:
            return None
        if classes == 2:
            return number(m.roc_auc_score(y, p[:, 1]))
        return number(m.roc_auc_score(y, p, multi_class="ovr", average=average, labels=n))

    return {
        "name": name,
        "kind": "classes",
        "classes": classes,
        "labels": flat(y),
        "probabilities": flat(p),
        "logits": flat(logits),
        "confusion": flat(m.confusion_matrix(y, predictions, labels=n)),
        "by_labels": flat(m.confusion_matrix(y, predictions, labels=n, normalize="true")),
        "by_predictions": flat(m.confusion_matrix(y, predictions, labels=n, normalize="pred")),
        "by_all": flat(m.confusion_matrix(y, predictions, labels=n, normalize="all")),
        "precision": averaged(m.precision_score, y, predictions, classes),
        "recall": averaged(m.recall_score, y, predictions, classes),
        "f1": averaged(m.f1_score, y, predictions, classes),
        "accuracy": number(m.accuracy_score(y, predictions)),
        "balanced_accuracy": number(m.balanced_accuracy_score(y, predictions)),
        "matthews": number(m.matthews_corrcoef(y, predictions)),
        "top_k": [
            number(m.top_k_accuracy_score(classes - 1 - y, p[:, ::-1], k=k, labels=n))
            if classes > 2
            else number(m.accuracy_score(y, predictions))
            for k in range(1, classes)
        ],
        "log_loss": number(m.log_loss(y, p, labels=n)),
        "log_loss_f32": number(m.log_loss(y, p.astype(np.float32), labels=n)),
        "log_loss_logits": number(m.log_loss(y, softmax, labels=n)),
        "auc": auc(p, "macro"),
        "auc_weighted": auc(p, "weighted"),
        "auc_logits": auc(softmax, "macro"),
    }


def certain(classes, predictions):
    return np.eye(classes)[np.array(predictions)]


def classes():
    rng = np.random.default_rng(0)

    def drawn(classes, samples):
        weights = rng.dirichlet(np.full(classes, 0.7), samples)
        return rng.multinomial(16, weights / weights.sum(axis=1, keepdims=True)) / 16

    def logits(classes, samples):
        return rng.integers(-40, 41, (samples, classes)) / 8

    for count, samples in [(2, 25), (3, 40), (5, 60)]:
        labels = rng.integers(0, count, samples)
        labels[:count] = range(count)
        yield classes_case(f"random_{count}", count, labels, drawn(count, samples), logits(count, samples))
        labels = rng.permutation(np.arange(samples) % count)
        right = certain(count, labels)
        yield classes_case(f"perfect_{count}", count, labels, right, logits(count, samples))
        wrong = certain(count, (labels + 1) % count)
        yield classes_case(f"worst_{count}", count, labels, wrong, logits(count, samples))
        always = certain(count, np.ones(samples, int))
        yield classes_case(f"one_prediction_{count}", count, labels, always, logits(count, samples))
        one = np.ones(samples, int)
        yield classes_case(f"one_label_{count}", count, one, drawn(count, samples), logits(count, samples))
        yield classes_case(f"one_of_each_{count}", count, one, always, logits(count, samples))
    # No sample of class 1, which is predicted; class 4 is neither.
    labels = rng.choice([0, 2, 3], 30)
    p = drawn(4, 30)
    p = np.concatenate([p, np.zeros((30, 1))], axis=1)
    yield classes_case("missing_5", 5, labels, p, logits(5, 30))
    # No prediction of class 0.
    labels = rng.integers(0, 3, 20)
    p = np.concatenate([np.zeros((20, 1)), drawn(2, 20)], axis=1)
    yield classes_case("never_predicted_3", 3, labels, p, logits(3, 20))
    yield classes_case("one_sample_3", 3, [2], [[0.25, 0.25, 0.5]], logits(3, 1))


def ranking_case(name, scores, positive):
    y = np.array(positive, dtype=int)
    return {
        "name": name,
        "kind": "ranking",
        "scores": flat(scores),
        "positive": flat(y),
        "auc": number(m.roc_auc_score(y, scores)),
        "average_precision": number(m.average_precision_score(y, scores)) if y.any() else None,
    }


def rankings():
    rng = np.random.default_rng(1)
    yield ranking_case("random", rng.integers(-2000, 2000, 50) / 256, rng.integers(0, 2, 50))
    yield ranking_case("ties", rng.integers(-3, 4, 60) / 4, rng.integers(0, 2, 60))
    yield ranking_case("rare", rng.integers(-8, 9, 80) / 4, np.arange(80) % 27 == 5)
    yield ranking_case("perfect", [4, 3, 2, 1, 0], [1, 1, 1, 0, 0])
    yield ranking_case("worst", [0, 1, 2, 3, 4], [1, 1, 1, 0, 0])
    yield ranking_case("all_equal", [0.5] * 7, [1, 0, 0, 1, 0, 0, 0])
    yield ranking_case("all_positive", [0.5, 0.25, 1], [1, 1, 1])
    yield ranking_case("all_negative", [0.5, 0.25, 1], [0, 0, 0])
    yield ranking_case("two", [0.5, 0.25], [0, 1])


def regression_case(name, y, target):
    y, target = np.asarray(y, float), np.asarray(target, float)
    assert (y.astype(np.float32) == y).all() and (target.astype(np.float32) == target).all()
    return {
        "name": name,
        "kind": "regression",
        "outputs": y.shape[1],
        "y": flat(y),
        "target": flat(target),
        "mse": number(m.mean_squared_error(target, y)),
        "rmse": number(m.root_mean_squared_error(target, y)),
        "mae": number(m.mean_absolute_error(target, y)),
        "r2": number(m.r2_score(target, y)),
    }


def regressions():
    rng = np.random.default_rng(2)

    def drawn(samples, outputs):
        return rng.integers(-500, 500, (samples, outputs)) / 64

    for outputs in [1, 3]:
        target = drawn(30, outputs)
        yield regression_case(f"random_{outputs}", target + drawn(30, outputs) / 4, target)
        yield regression_case(f"bad_{outputs}", drawn(20, outputs), drawn(20, outputs) + 1)
        yield regression_case(f"perfect_{outputs}", target, target)
        yield regression_case(f"one_sample_{outputs}", drawn(1, outputs), drawn(1, outputs))
        yield regression_case(f"two_samples_{outputs}", drawn(2, outputs), drawn(2, outputs))
        far = 4096 + drawn(25, outputs)
        yield regression_case(f"far_from_zero_{outputs}", far + drawn(25, outputs) / 8, far)
    constant = drawn(10, 3)
    constant[:, 1:] = [[2.5, -1]]
    y = constant + drawn(10, 3) / 4
    y[:, 2] = -1
    yield regression_case("constant_targets_3", y, constant)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = [*classes(), *rankings(), *regressions()]
    body = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    text = f'{{"sklearn":"{sklearn.__version__}","cases":[\n{body}\n]}}\n'
    (HERE / "metrics.json").write_text(text)
    print(f"metrics.json: {len(cases)} cases, {len(text)} bytes")
