#!/usr/bin/env python3
"""Reference values for boxes, non-maximum suppression, mean average precision and the grid loss.

Run, from the root of the repository:

    pip install torch torchvision torchmetrics pycocotools numpy
    python3 tests/reference/make_detection.py

It writes detection.json next to itself. The file in the repository was made
with torch 2.15.0, torchvision 0.29.2, torchmetrics 1.9.0 and pycocotools
2.0.11. The script is seeded.

Format
------
{"cases": [case, ...]}. Arrays are flat, in row-major order; boxes are
x1, y1, x2, y2.

kind "boxes"
    a, b [n, 4]; a_xywh, a_cxcywh, a_area, a_clip (to 60 by 40);
    iou, giou [n, n]         torchvision in f64
kind "nms"
    boxes, scores, labels, threshold; nms, batched_nms: positions that are kept
    (torchvision; its sort of the scores is stable)
kind "map"
    classes, images: [{boxes, scores, labels, true_boxes, true_labels}, ...]
    map, map_50, map_75, mar_100, map_per_class (null for a class without
    objects); computed by pycocotools itself, and asserted to be what
    torchmetrics gives with the same thresholds
kind "grid"
    rows, columns, classes, width, height, reduction, box_weight, class_weight,
    images: [{true_boxes, true_labels}, ...], x [n, rows, columns, 5 + classes]
    value, grad_x            the loss written with torchvision and autograd in f64
"""

import contextlib
import io
import json
import pathlib

import numpy as np
import torch
import torchvision.ops as ops
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

HERE = pathlib.Path(__file__).parent
RNG = np.random.default_rng(0)


def flat(x):
    numbers = np.asarray(x, dtype=np.float64).ravel()
    return [int(v) if v == int(v) else float(v) for v in numbers]


def random_boxes(n, whole, width=60, height=40):
    """Boxes with an area; with whole numbers, many overlaps are equal."""
    corner = RNG.uniform(0, 1, (n, 2)) * [width - 12, height - 12]
    sides = RNG.uniform(2, 20, (n, 2))
    boxes = np.concatenate([corner, corner + sides], axis=1)
    boxes = np.round(boxes) if whole else boxes
    return boxes.astype(np.float32).astype(np.float64)


def boxes_case(name, a, b):
    a, b = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    return {
        "name": name,
        "kind": "boxes",
        "a": flat(a),
        "b": flat(b),
        "a_xywh": flat(ops.box_convert(a, "xyxy", "xywh")),
        "a_cxcywh": flat(ops.box_convert(a, "xyxy", "cxcywh")),
        "a_area": flat(ops.box_area(a)),
        "a_clip": flat(ops.clip_boxes_to_image(a, (40, 60))),
        "iou": flat(ops.box_iou(a, b)),
        "giou": flat(ops.generalized_box_iou(a, b)),
    }


def nms_case(name, boxes, scores, labels, threshold):
    b = torch.tensor(boxes, dtype=torch.float32)
    s = torch.tensor(scores, dtype=torch.float32)
    c = torch.tensor(labels)
    return {
        "name": name,
        "kind": "nms",
        "boxes": flat(boxes),
        "scores": flat(s),
        "labels": flat(labels),
        "threshold": threshold,
        "nms": ops.nms(b, s, threshold).tolist(),
        "batched_nms": ops.batched_nms(b, s, c, threshold).tolist(),
    }


def image(boxes, scores, labels, true_boxes, true_labels):
    return {
        "boxes": np.asarray(boxes, dtype=np.float64).reshape(-1, 4),
        "scores": np.asarray(scores, dtype=np.float32).astype(np.float64),
        "labels": np.asarray(labels, dtype=np.int64),
        "true_boxes": np.asarray(true_boxes, dtype=np.float64).reshape(-1, 4),
        "true_labels": np.asarray(true_labels, dtype=np.int64),
    }


def random_image(classes, objects, extra, whole, scores):
    """An image with detections near its objects, and others anywhere."""
    true_boxes = random_boxes(objects, whole)
    true_labels = RNG.integers(0, classes, objects)
    near = np.repeat(np.arange(objects), RNG.integers(0, 4, objects)) if objects else []
    jitter = RNG.integers(-2, 3, (len(near), 4)) if whole else RNG.normal(0, 1.2, (len(near), 4))
    boxes = np.concatenate([(true_boxes[near] if len(near) else np.zeros((0, 4))) + jitter, random_boxes(extra, whole)])
    boxes = boxes.astype(np.float32).astype(np.float64)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    boxes = boxes.astype(np.float32).astype(np.float64)
    labels = np.concatenate([true_labels[near] if len(near) else [], RNG.integers(0, classes, extra)]).astype(int)
    wrong = RNG.uniform(size=len(labels)) < 0.15
    labels = np.where(wrong, RNG.integers(0, classes, len(labels)), labels)
    return image(boxes, RNG.choice(scores, len(labels)), labels, true_boxes, true_labels)


def coco(images, classes):
    def xywh(boxes):
        return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)

    truth = COCO()
    annotations = [
        {
            "id": 0,
            "image_id": i,
            "category_id": int(label),
            "bbox": box.tolist(),
            "area": float(box[2] * box[3]),
            "iscrowd": 0,
        }
        for i, im in enumerate(images)
        for box, label in zip(xywh(im["true_boxes"]), im["true_labels"])
    ]
    for i, annotation in enumerate(annotations):
        annotation["id"] = i + 1
    truth.dataset = {
        "images": [{"id": i} for i in range(len(images))],
        "categories": [{"id": c} for c in range(classes)],
        "annotations": annotations,
    }
    found = COCO()
    detections = [
        {
            "id": 0,
            "image_id": i,
            "category_id": int(label),
            "bbox": box.tolist(),
            "area": float(box[2] * box[3]),
            "iscrowd": 0,
            "score": float(score),
        }
        for i, im in enumerate(images)
        for box, label, score in zip(xywh(im["boxes"]), im["labels"], im["scores"])
    ]
    for i, detection in enumerate(detections):
        detection["id"] = i + 1
    found.dataset = {**truth.dataset, "annotations": detections}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    per_class = [precision[:, :, c] for c in range(classes)]
    return {
        "map": evaluation.stats[0],
        "map_50": evaluation.stats[1],
        "map_75": evaluation.stats[2],
        "mar_100": evaluation.stats[8],
        "map_per_class": [None if (p == -1).all() else float(p.mean()) for p in per_class],
    }


def torchmetrics_map(images):
    metric = MeanAveragePrecision(
        iou_thresholds=np.linspace(0.5, 0.95, 10).tolist(),
        rec_thresholds=np.linspace(0, 1, 101).tolist(),
    )
    for im in images:
        metric.update(
            [{k: torch.tensor(im[k]) for k in ["boxes", "scores", "labels"]}],
            [{"boxes": torch.tensor(im["true_boxes"]), "labels": torch.tensor(im["true_labels"])}],
        )
    return metric.compute()


def map_case(name, classes, images):
    found = coco(images, classes)
    other = torchmetrics_map(images)
    for key in ["map", "map_50", "map_75", "mar_100"]:
        assert abs(found[key] - float(other[key])) < 1e-6, (name, key, found[key], other[key])
    print(name, {key: found[key] for key in ["map", "map_50", "map_75", "mar_100"]})
    images = [{key: flat(value) for key, value in im.items()} for im in images]
    return {"name": name, "kind": "map", "classes": classes, "images": images, **found}


def grid_case(name, rows, columns, classes, count, reduction, box_weight=5.0, class_weight=1.0):
    width, height = 60, 40
    x = torch.tensor(RNG.normal(0, 1.5, (count, rows, columns, 5 + classes)).astype(np.float32))
    x = x.double().requires_grad_()
    total = 0.0
    images = []
    for i in range(count):
        boxes = random_boxes(max(3 - i, 0), False)
        labels = RNG.integers(0, classes, len(boxes))
        images.append({"true_boxes": flat(boxes), "true_labels": flat(labels)})
        # Of several objects in a cell, the smallest is the target.
        cells = {}
        for box, label in zip(boxes, labels):
            row = int((box[1] + box[3]) / 2 / height * rows)
            column = int((box[0] + box[2]) / 2 / width * columns)
            area = (box[2] - box[0]) * (box[3] - box[1])
            if (row, column) not in cells or area < cells[row, column][0]:
                cells[row, column] = (area, box, label)
        is_object = torch.zeros(rows, columns, dtype=torch.float64)
        for (row, column), (_, box, label) in cells.items():
            is_object[row, column] = 1
            numbers = x[i, row, column]
            s = numbers[1:5].sigmoid()
            cxcywh = torch.stack(
                [(column + s[0]) / columns * width, (row + s[1]) / rows * height, s[2] * width, s[3] * height]
            )
            box_found = ops.box_convert(cxcywh[None], "cxcywh", "xyxy")
            giou = ops.generalized_box_iou(box_found, torch.tensor(box)[None])[0, 0]
            total = total + box_weight * (1 - giou)
            cross_entropy = torch.nn.functional.cross_entropy(numbers[None, 5:], torch.tensor([label]))
            total = total + class_weight * cross_entropy
        bce = torch.nn.functional.binary_cross_entropy_with_logits
        total = total + bce(x[i, :, :, 0], is_object, reduction="sum")
    value = total if reduction == "sum" else total / count
    value.backward()
    return {
        "name": name,
        "kind": "grid",
        "rows": rows,
        "columns": columns,
        "classes": classes,
        "width": width,
        "height": height,
        "reduction": reduction,
        "box_weight": box_weight,
        "class_weight": class_weight,
        "images": images,
        "x": flat(x.detach()),
        "value": float(value.detach()),
        "grad_x": flat(x.grad),
    }


def main():
    cases = [
        boxes_case("random boxes", random_boxes(8, False), random_boxes(8, False)),
        boxes_case("whole numbers", random_boxes(8, True), random_boxes(8, True)),
        boxes_case(
            "touching, inside, equal and outside",
            [[0, 0, 2, 2], [2, 0, 4, 2], [1, 1, 2, 2], [-8, -8, -4, 90]],
            [[0, 0, 2, 2], [4, 2, 6, 4], [-4, -4, 8, 8], [50, 30, 99, 50]],
        ),
    ]

    ties = [0.25, 0.5, 0.5, 0.75]
    for whole in [False, True]:
        for threshold in [0.0, 0.3, 0.5, 1.0]:
            boxes = random_boxes(24, whole)
            scores = RNG.choice(ties, 24) if whole else RNG.uniform(size=24)
            labels = RNG.integers(0, 3, 24)
            name = f"{'ties' if whole else 'random'}, {threshold}"
            cases.append(nms_case(name, boxes, scores, labels, threshold))
    cases.append(nms_case("none", np.zeros((0, 4)), [], np.zeros(0, dtype=int), 0.5))

    smooth = np.arange(1, 1000) / 1000
    cases.append(map_case("random", 3, [random_image(3, 3, 2, False, smooth) for _ in range(12)]))
    cases.append(
        map_case("ties of scores and overlaps", 2, [random_image(2, 4, 3, True, ties) for _ in range(15)])
    )
    # Class 3 has detections and no objects, class 4 neither; some images have none of one or both.
    images = [random_image(4, int(n), int(m), False, smooth) for n, m in RNG.integers(0, 4, (10, 2))]
    for im in images:
        keep = im["true_labels"] != 3
        im["true_labels"], im["true_boxes"] = im["true_labels"][keep], im["true_boxes"][keep]
    images += [image([], [], [], [[0, 0, 9, 9]], [0]), image([], [], [], [], [])]
    images += [image([[0, 0, 9, 9]], [0.6], [1], [], [])]
    cases.append(map_case("empty images and classes without objects", 5, images))
    one = [[0, 0, 10, 10], [20, 0, 30, 10]]
    perfect = [image(one, [0.9, 0.8], [0, 1], one, [0, 1])]
    cases.append(map_case("all right", 2, perfect))
    cases.append(map_case("nothing found", 2, [image([], [], [], one, [0, 1])]))
    halves = [[0, 0, 10, 5], [0, 5, 10, 10], [20, 0, 28, 10], [20, 0, 30, 9]]
    half = [image(halves, [0.9, 0.8, 0.7, 0.7], [0, 0, 1, 1], one, [0, 1])]
    cases.append(map_case("overlaps at thresholds", 2, half))
    # Only the best hundred of an image and a class count; the right one is behind them.
    many = np.concatenate([np.tile([[30, 20, 34, 24]], (110, 1)), [one[0]]])
    scores = np.concatenate([np.linspace(0.9, 0.5, 110), [0.1]])
    more = [image(many, scores, np.zeros(111), one[:1], [0]), image(one[:1], [0.3], [0], one[:1], [0])]
    cases.append(map_case("more than a hundred", 1, more))

    for i, reduction in enumerate(["mean", "sum"]):
        cases.append(grid_case(f"grid, {reduction}", 2, 3, 4, 4, reduction))
        cases.append(grid_case(f"fine grid, {reduction}", 5, 4, 2, 3, reduction, 1.5, 0.5 + i))

    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "detection.json").write_text('{"cases": [\n' + lines + "\n]}\n")


main()
