//! use shapewright::{augment::*, data::*, include_weights, weights::*};
//! type Res<T> = Result<T, Box<dyn std::error::Error>>;
//! network! { struct Net: [4] -> [3] { fc: Linear<_, 8>, Relu, head: Linear<_, 3> } }
//! network! { struct Image: [8, 8, 3] -> [3] { Flatten, Linear<_, 3> } }
//# load_by_the_type
fn f() { let net = Net::load("net.safetensors"); } //~ argument
//# load_into_a_shared_network
fn f(net: &Net) { net.load("net.safetensors").unwrap(); } //~ mut
//# load_of_another_type
fn f() -> Res<Box<Net>> {
    let mut net = Net::init(&mut shapewright::rng(0));
    Ok(net.load("net.safetensors")?) //~ Net
}
//# save_without_a_path
fn f(net: &Net) { net.save().unwrap(); } //~ argument
//# save_to_a_number
fn f(net: &Net) { net.save(1).unwrap(); } //~ Path
//# part_of_a_network_by_a_string
fn f() { let _ = layer!(Net, "fc"); } //~ "fc"
//# layer_with_a_dot
fn f() { let _ = layer!(Net.fc); } //~ layer!(Net, fc)
//# layer_of_a_value
fn f(net: &Net) { let _ = layer!(net, fc); } //~ net
//# include_without_a_type
fn f() { let _ = include_weights!("net.safetensors"); } //~ as Net
//# include_with_a_comma
fn f() { let _ = include_weights!("net.safetensors", Net); } //~ as Net
//# include_of_a_variable
const PATH: &str = "net.safetensors";
fn f() { let _ = include_weights!(PATH as Net); } //~ literal
//# include_of_a_missing_file
fn f() { let _ = include_weights!("no_such_file.safetensors" as Net); } //~ no_such_file
//# include_as_a_value
network! { struct Encoder: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
network! { struct Mlp: [4] -> [3] { encoder: Encoder, Relu, Linear<_, 3, NoBias> } }
fn f() {
    let net: Mlp = include_weights!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/weights.safetensors") as Mlp); //~ &
}
//# include_of_an_unknown_network
fn f() {
    let net = include_weights!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/weights.safetensors") as Nett); //~ Nett
}
//# split_with_one_fraction
fn f() -> Res<()> {
    let [a, b] = split(100, 0.8, &mut shapewright::rng(0))?; //~ f64
    Ok(())
}
//# split_of_the_samples
fn f(x: &[Tensor1<4>]) -> Res<()> {
    let [a, b] = split(x, [0.8, 0.2], &mut shapewright::rng(0))?; //~ usize
    Ok(())
}
//# batches_without_a_size
fn f(x: &[Tensor1<4>], y: &[Label<3>]) { let _ = Batches::new(x, y); } //~ argument
//# batches_in_a_for_loop
fn f(x: &[Tensor1<4>], y: &[Label<3>]) {
    for (x, y) in Batches::new(x, y, 16) {} //~ next_batch
}
//# scaler_transforms_shared_samples
fn f(x: &Vec<Tensor1<4>>) -> Res<()> {
    StandardScaler::fit(x)?.transform(x); //~ mut
    Ok(())
}
//# scaler_of_another_shape
fn f(x: &[Tensor1<4>], test: &mut Vec<Tensor1<5>>) -> Res<()> {
    StandardScaler::fit(x)?.transform(test); //~ expected samples of `Tensor<Rank1<4>
    Ok(())
}
//# scaler_without_question_mark
fn f(x: &mut Vec<Tensor1<4>>) { StandardScaler::fit(x).transform(x); } //~ Result
//# idx_of_signed_numbers
fn f() { let _ = idx::images::<shapewright::tensor::Rank2<28, 28>, i32>("images"); } //~ a pixel can't be read as `i32`
//# idx_without_a_type
fn f() { let images = idx::images("images").unwrap(); } //~ type
//# labels_from_floats
fn f(y: &[f32]) { let _ = Label::<3>::from_numbers(y); } //~ `f32` is no type of whole numbers
//# label_without_question_mark
fn f() -> Label<3> { Label::new(1) } //~ Result
//# labels_collected_without_results
fn f() -> Vec<Label<3>> { (0..3).map(Label::new).collect() } //~ Result
//# crop_without_its_size
fn f() { let _ = RandomCrop::new(4); } //~ argument
//# augmentations_in_a_vec
fn f(net: &mut Image, x: &[Tensor3<8, 8, 3>], y: &[Label<3>]) {
    Image::trainer(Adam::new(1e-3), CrossEntropy)
        .augment(vec![RandomHorizontalFlip::new(0.5)]) //~ Vec
        .fit(net, x, y)
        .unwrap();
}
//# normalize_of_another_number_of_channels
fn f(net: &mut Image, x: &[Tensor3<8, 8, 3>], y: &[Label<3>]) {
    Image::trainer(Adam::new(1e-3), CrossEntropy)
        .augment(Normalize::new([0.5], [0.5])) //~ Normalize
        .fit(net, x, y)
        .unwrap();
}
//# own_transform_without_a_generator
fn f(net: &mut Image, x: &[Tensor3<8, 8, 3>], y: &[Label<3>]) {
    Image::trainer(Adam::new(1e-3), CrossEntropy)
        .augment(|image: &mut Tensor3<8, 8, 3>| {}) //~ argument
        .fit(net, x, y)
        .unwrap();
}
//# schedule_without_a_length
fn f() { let _ = CosineAnnealingLr::new(1e-3); } //~ argument
//# schedule_swapped
fn f() { let _ = CosineAnnealingLr::new(100, 1e-3); } //~ swap
//# schedule_of_the_optimizer
fn f(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .schedule(Adam::new(1e-3)) //~ Adam | `Schedule` is not implemented
        .fit(net, x, y)
        .unwrap();
}
//# tensor_of_another_shape
fn f() -> Tensor2<2, 3> { Tensor2::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]) } //~ 2
//# tensor_by_new
fn f() { let _ = Tensor1::<3>::new([1.0, 2.0, 3.0]); } //~ new
//# tensor_of_a_vec
fn f(x: Vec<f32>) -> Tensor1<4> { Tensor1::from(x) } //~ Vec<f32>
//# tensor_indexed_by_a_tuple
fn f(x: &Tensor2<2, 3>) -> f32 { x[(0, 1)] } //~ (
//# tensor_times_an_integer
fn f(x: Tensor1<3>) -> Tensor1<3> { x * 2 } //~ integer
