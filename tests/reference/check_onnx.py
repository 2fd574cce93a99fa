"""Runs the ONNX files of a folder in ONNX Runtime and compares their outputs with those beside them. The test
`onnx::files_compute_the_same_in_onnx_runtime` writes the folder and calls this script, if Python has ONNX Runtime.

    pip install onnx onnxruntime numpy
    python tests/reference/check_onnx.py target/tmp/files/onnx
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime


def main():
    wrong = []
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
    for path in files:
        case = json.loads(path.with_suffix(".json").read_text())
        model = onnx.load(path)
        try:
            onnx.checker.check_model(model, full_check=True)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            # Without VNNI, the faster kernels saturate in 16 bits: these do not.
            options.add_session_config_entry("session.x64quantprecision", "1")
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            types = {"tensor(float)": np.float32, "tensor(double)": np.float64}
            worst = 0.0
            # The batch is open: all samples, and one.
            for count in (case["batch"], 1):
                feeds = {}
                for given, numbers in zip(session.get_inputs(), case["inputs"], strict=True):
                    shape = [count] + given.shape[1:]
                    numbers = np.array(numbers, dtype=types[given.type])
                    feeds[given.name] = numbers[: int(np.prod(shape))].reshape(shape)
                found = session.run(None, feeds)
                for output, numbers in zip(found, case["outputs"], strict=True):
                    expected = np.array(numbers)[: output.size].reshape(output.shape)
                    scale = max(1.0, np.abs(expected).max())
                    worst = max(worst, np.abs(output - expected).max() / scale)
            names = {i.name for i in model.graph.initializer}
            lost = [name for name in case["parameters"] if name not in names]
            ok = worst <= case["tolerance"] and not lost
            print("%-28s %.1e%s%s" % (path.stem, worst, "" if ok else "  WRONG", " lost: %s" % lost if lost else ""))
            if not ok:
                wrong.append(path.stem)
        except Exception as error:
            print("%-28s %s" % (path.stem, str(error)[:300]))
            wrong.append(path.stem)
    print("%d files, wrong: %s" % (len(files), wrong))
    sys.exit(bool(wrong) or not files)


main()
