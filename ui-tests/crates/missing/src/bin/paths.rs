use shapewright::data::csv::Csv; //~ gated behind the `csv` feature
use shapewright::data::images; //~ gated behind the `images` feature
use shapewright::data::npy::Npz; //~ gated behind the `npy` feature
use shapewright::plots::ImageGrid; //~ gated behind the `plots` feature
use shapewright::tensor::ArrayShape; //~ gated behind the `ndarray` feature
use shapewright::weights::Loader; //~ gated behind the `safetensors` feature

shapewright::onnx!(Model, "model.onnx"); //~ needs the feature `onnx`

fn main() {
    let table = Csv::new();
    let picture = images::read::<2, 2, 3, f32>("x.png", images::Size::Exact);
    let arrays = Npz::open("x.npz");
    let grid = ImageGrid::new();
    let loader = Loader::open("x.safetensors");
}
