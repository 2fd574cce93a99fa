"""Writes faces.tsv: the faces that facenet-pytorch 2.6.0 finds in two pictures.

Usage: python3 faces.py FOLDER      (needs torch, numpy, pillow and pip; downloads 2 MB)

FOLDER is the one that examples/faces/fetch.py fills. The second picture has the photo beside copies
of a half and a quarter of its size. The package takes non-maximum suppression from torchvision; here
it is in a few lines.
"""

import subprocess
import sys
import tempfile
import types
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image


def batched_nms(boxes, scores, _, threshold):
    order = torch.argsort(scores, descending=True, stable=True).tolist()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    for i in order:
        start = torch.maximum(boxes[i, :2], boxes[kept, :2])
        end = torch.minimum(boxes[i, 2:4], boxes[kept, 2:4])
        both = (end - start).clamp(min=0).prod(1)
        if not (both / (area[i] + area[kept] - both) > threshold).any():
            kept.append(i)
    return torch.tensor(kept, dtype=torch.long)


def stub(name, **contents):
    module = types.ModuleType(name)
    vars(module).update(contents)
    sys.modules[name] = module
    return module


def main(folder):
    stub("torchvision")
    stub("torchvision.transforms", functional=None)
    stub("torchvision.ops")
    stub("torchvision.ops.boxes", batched_nms=batched_nms)

    with tempfile.TemporaryDirectory() as package:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", package]
        subprocess.run([*pip, "facenet-pytorch==2.6.0"], check=True)
        zipfile.ZipFile(next(Path(package).glob("*.whl"))).extractall(package)
        # The package's own start reads modules that are not needed.
        for name in ["facenet_pytorch", "facenet_pytorch.models", "facenet_pytorch.models.utils"]:
            stub(name).__path__ = [str(Path(package, *name.split(".")))]
        from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
        from facenet_pytorch.models.utils.detect_face import detect_face

        networks = [kind().eval() for kind in (PNet, RNet, ONet)]

    photo = np.array(Image.open(folder / "astronaut.png").convert("RGB"))
    group = np.zeros((512, 768, 3), np.uint8)
    group[:, :512] = photo
    group[:256, 512:] = photo[::2, ::2]
    group[256:384, 512:640] = photo[::4, ::4]

    lines = ["# picture, box (x1, y1, x2, y2), score, five landmarks (x, y each)"]
    for name, picture in [("photo", photo), ("group", group)]:
        with torch.no_grad():
            boxes, points = detect_face(
                picture, 20, *networks, [0.6, 0.7, 0.7], 0.709, torch.device("cpu")
            )
        for box, landmarks in zip(boxes[0], points[0]):
            numbers = [*box, *np.asarray(landmarks).reshape(-1)]
            lines.append("\t".join([name, *(f"{float(number):.6g}" for number in numbers)]))
    Path(__file__).with_name("faces.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
