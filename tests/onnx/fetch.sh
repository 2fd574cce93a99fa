#!/usr/bin/env bash
# Fetches the models of `real.rs` from the Python packages that have them, into target/onnx.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p target/onnx
cd target/onnx
python3 -m pip download --no-deps magika==1.0.3 rapidocr-onnxruntime==1.4.4
unzip -o -q -j magika-*.whl magika/models/standard_v3_3/model.onnx
mv model.onnx file_types.onnx
unzip -o -q -j rapidocr_onnxruntime-*.whl 'rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx'
mv ch_ppocr_mobile_v2.0_cls_infer.onnx text_direction.onnx
rm ./*.whl
