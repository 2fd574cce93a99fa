#!/usr/bin/env python3
"""Draws docs/crossover.svg: the time of each peer against the width of a network.

    python3 docs/crossover.py      (needs matplotlib)

The figures are the lines of docs/crossover.jsonl, which are those that the two benches print for the workload `widths`:

    cargo bench --bench workloads -- --workload widths --threads 1
    python3 benches/peers/python_peers.py --workload widths --threads 1

Where a figure comes several times, the median counts.
"""

import collections
import json
import pathlib
import statistics

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

HERE = pathlib.Path(__file__).parent
FIGURES = {
    "train_us_per_step": "training step, batch 32",
    "infer_b1_us": "inference of one sample",
    "infer_b64_us": "inference of 64 samples",
}
PEERS = {
    "shapewright": ("shapewright", "#000000"),
    "jax": ("JAX", "#0072b2"),
    "torch": ("PyTorch", "#d55e00"),
    "tensorflow": ("TensorFlow", "#e69f00"),
    "onnxruntime": ("ONNX Runtime", "#009e73"),
}


def read():
    """Returns the times by peer, number of threads, figure and width."""
    times = collections.defaultdict(list)
    for line in map(json.loads, (HERE / "crossover.jsonl").read_text().splitlines()):
        width = int(line["workload"].removeprefix("width_"))
        times[line["peer"], line["threads"], line["figure"], width].append(line["value"])
    return {key: statistics.median(values) for key, values in times.items()}


def main():
    times = read()
    plt.rcParams["svg.fonttype"] = "none"
    plt.rcParams["svg.hashsalt"] = "crossover"
    threads = sorted({key[1] for key in times})
    fig, axes = plt.subplots(
        len(threads), len(FIGURES), figsize=(12, 4 * len(threads)), sharex=True, squeeze=False
    )
    for row, count in zip(axes, threads):
        for ax, (figure, title) in zip(row, FIGURES.items()):
            for peer, (name, colour) in PEERS.items():
                points = sorted((key[3], time) for key, time in times.items() if key[:3] == (peer, count, figure))
                if points:
                    ax.plot(*zip(*points), "o-", ms=3, label=name, color=colour, lw=2 if peer == "shapewright" else 1)
            ax.set(xscale="log", yscale="log", title=f"{title}, {count} thread{'s' * (count > 1)}")
            ax.set_xticks([4, 16, 64, 256, 1024], ["4", "16", "64", "256", "1024"], minor=False)
            ax.minorticks_off()
            ax.grid(alpha=0.3)
        row[0].set_ylabel("microseconds")
    for ax in axes[-1]:
        ax.set_xlabel("width of the layers")
    axes[0][0].legend(fontsize="small")
    fig.tight_layout()
    fig.savefig(HERE / "crossover.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
