//! use shapewright::metrics::*;
//! use shapewright::data::*;
//! network! { struct Net: [4] -> [3] { fc: Linear<_, 8>, Relu, head: Linear<_, 3> } }
//! network! { struct Classes: [4] -> [3] { Linear<_, 3>, Softmax } }
//! network! { struct One: [4] -> [1] { Linear<_, 1> } }
//! network! { struct Image: [8, 8, 3] -> [3] { Flatten, Linear<_, 3> } }
//# forward_of_another_size
fn f(net: &Net, x: &Tensor1<5>) { let _ = net.forward(x); } //~ `Net` takes
//# forward_array
fn f(net: &Net, x: &[f32; 4]) { let _ = net.forward(x); } //~ `Net` takes | Tensor1::from
//# forward_vec
fn f(net: &Net, x: &Vec<f32>) { let _ = net.forward(x); } //~ `Net` takes | from_slice
//# forward_value
fn f(net: &Net, x: Tensor1<4>) { let _ = net.forward(x); } //~ &
//# forward_batch_as_one
fn f(net: &Net, x: &[Tensor1<4>]) { let _ = net.forward(x); } //~ forward_batch
//# forward_channels_first
fn f(net: &Image, x: &Tensor3<3, 8, 8>) { let _ = net.forward(x); } //~ `Image` takes
//# forward_f64
fn f(net: &Net, x: &Tensor1<4, f64>) { let _ = net.forward(x); } //~ `Net` takes | f64
//# forward_result_of_another_size
fn f(net: &Net, x: &Tensor1<4>) { let y: Tensor1<2> = net.forward(x); } //~ 3
//# forward_into
fn f(net: &Net, x: &Tensor1<4>) { let mut y = Tensor1::<2>::zeros(); net.forward_into(x, &mut y); } //~ `Net` gives
//# forward_batch_inputs
fn f(net: &Net, x: &[Tensor1<5>], y: &mut [Tensor1<3>]) { net.forward_batch(x, y); } //~ `Net` takes
//# forward_batch_outputs
fn f(net: &Net, x: &[Tensor1<4>], y: &mut [Tensor1<2>]) { net.forward_batch(x, y); } //~ `Net` gives
//# forward_batch_vectors
fn f(net: &Net, x: &[Vec<f32>], y: &mut [Tensor1<3>]) { net.forward_batch(x, y); } //~ `Net` takes
//# forward_train_inputs
fn f(net: &Net, x: &[Tensor1<5>]) { let mut w = Net::workspace(); let _ = net.forward_train(x, &mut w); } //~ `Net` takes
//# forward_train_of_another_workspace
fn f(net: &Net, x: &[Tensor1<4>]) {
    let mut w = One::workspace();
    let _ = net.forward_train(x, &mut w); //~ Net
}
//# pass_softmax
fn f(net: &Classes, x: &[Tensor1<4>], y: &[Label<3>]) {
    let mut w = Classes::workspace();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(&CrossEntropy, y); //~ Softmax
}
//# pass_labels
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<9>]) {
    let mut w = Net::workspace();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(&CrossEntropy, y); //~ Label<3>
}
//# pass_usize
fn f(net: &Net, x: &[Tensor1<4>], y: &[usize]) {
    let mut w = Net::workspace();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(&CrossEntropy, y); //~ from_numbers
}
//# pass_loss_by_value
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    let mut w = Net::workspace();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(CrossEntropy, y); //~ &
}
//# pass_optimizer_for_loss
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    let mut w = Net::workspace();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(&Adam::new(1e-3), y); //~ loss
}
//# evaluate_inputs
fn f(net: &Net, x: &[Tensor1<5>], y: &[Label<3>]) { let _ = net.evaluate(x, y); } //~ `Net` takes
//# evaluate_labels
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<9>]) { let _ = net.evaluate(x, y); } //~ Label<3> | Label<9>
//# evaluate_usize
fn f(net: &Net, x: &[Tensor1<4>], y: &[usize]) { let _ = net.evaluate(x, y); } //~ Label<3> | usize
//# evaluate_swapped
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) { let _ = net.evaluate(y, x); } //~ `Net` takes
//# evaluate_regression
fn f(net: &One, x: &[Tensor1<4>], y: &[Tensor1<1>]) { let _ = net.evaluate(x, y); } //~ Label
//# measure_metric
fn f(net: &One, x: &[Tensor1<4>], y: &[Tensor1<1>]) {
    let _ = net.measure(x, y, &mut [&mut Accuracy::new()]); //~ Accuracy
}
//# reshape
fn f(x: &Tensor2<28, 28>) -> &Tensor1<700> { x.reshape() } //~ 784 | 700
//# reshape_explicit
fn f(x: &Tensor2<28, 28>) { let _ = x.reshape::<shapewright::tensor::Rank1<700>>(); } //~ 784 | 700
//# center_crop
fn f(x: &Tensor3<8, 8, 3>, y: &mut Tensor3<10, 10, 3>) { shapewright::augment::center_crop(x, y) } //~ 10 | 8
//# reuse_of_a_freeze
fn f() { let _ = Adam::new(1e-3).state::<Net>().freeze(layer!(Net, fc2)); } //~ fc2
//# freeze_of_another
fn f() { let _ = Adam::new(1e-3).state::<Net>().freeze(layer!(One, layer_0)); } //~ Net
//# tensor_of_another_length
fn f() -> Tensor1<4> { Tensor1::from([1.0, 2.0, 3.0]) } //~ 4
//# label_too_large
fn f() -> Label<3> { 3.into() } //~ Label
//# label_number
fn f(x: u8) -> Label<3> { x } //~ Label
//# matmul
fn f(a: &Tensor2<2, 3>, b: &Tensor2<4, 5>) { let _ = a.matmul(b); } //~ 3
//# add_of_two_shapes
fn f(a: Tensor1<3>, b: Tensor1<4>) { let _ = a + b; } //~ 3 | 4
//# new_in_place_of_init
fn f() { let _ = Net::new(); } //~ init
//# default_in_place_of_init
fn f() { let _ = Net::default(); } //~ init
//# init_without_rng
fn f() { let _ = Net::init(); } //~
//# init_with_a_seed
fn f() { let _ = Net::init(0); } //~ rng
//# init_with_a_seed_by_reference
fn f() { let _ = Net::init(&mut 0); } //~ rng
//# field_of_another_name
fn f(net: &Net) { let _ = net.fc2.bias; } //~ fc2
//# struct_literal
fn f() { let _ = Net {}; } //~
//# calling
fn f(net: &Net, x: &Tensor1<4>) { let _ = net(x); } //~ expected function
//# predict
fn f(net: &Net, x: &Tensor1<4>) { let _ = net.forwrd(x); } //~ forward
//# backward_without_gradient
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    let mut w = Net::workspace();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(&CrossEntropy, y);
    pass.backward(); //~
}
//# generic_without_bound
fn f<N: Network>(net: &N) { N::workspace(); } //~ has the bound `N: Trainable`
//# generic_trainer
fn f<N: Network<Element = f32>>(net: &mut N, x: &[Tensor<N::Input>], y: &[Tensor<N::Output>]) {
    let _ = N::trainer(Adam::new(1e-3), Mse).fit(net, x, y); //~ has the bound `N: Trainable`
}
//# generic_trainer_cross_entropy
fn f<N: Trainable<Element = f32, Input = shapewright::tensor::Rank1<4>, Output = shapewright::tensor::Rank1<3>>>(net: &mut N, x: &[Tensor1<4>], y: &[Label<3>]) {
    let _ = N::trainer(Adam::new(1e-3), CrossEntropy).fit(net, x, y); //~
}
//# generic_forward
fn f<N: Network>(net: &N, x: &Tensor1<4>) { let _ = net.forward(x); } //~ takes
//# generic_evaluate
fn f<N: Network<Element = f32>>(net: &N, x: &[Tensor<N::Input>], y: &[Label<3>]) { let _ = net.evaluate(x, y); } //~ N: Network<Output = Rank1<CLASSES>>
//# image_grid_of_two_channels
fn f(x: &[Tensor3<8, 8, 2>]) { let _ = shapewright::plots::ImageGrid::new().add(&x[0], "two"); } //~ channels
//# must_use_trainer
#![deny(unused_must_use)]
fn f() {
    Net::trainer(Adam::new(1e-3), CrossEntropy).epochs(3).validate(&[Tensor1::zeros()], &[Label::<3>::default()]); //~ fit
}
//# must_use_pass
#![deny(unused_must_use)]
fn f(net: &Net, x: &[Tensor1<4>]) {
    let mut w = Net::workspace();
    net.forward_train(x, &mut w); //~ backward
}
//# must_use_forward
#![deny(unused_must_use)]
fn f(net: &Net, x: &Tensor1<4>) {
    net.forward(x); //~
}
//# must_use_init
#![deny(unused_must_use)]
fn f() {
    Net::init(&mut shapewright::rng(0)); //~
}
//# must_use_summary
#![deny(unused_must_use)]
fn f() {
    Net::summary(); //~
}
//# must_use_optimizer
#![deny(unused_must_use)]
fn f() {
    Adam::new(1e-3).weight_decay(0.1); //~
}
//# must_use_fit
#![deny(unused_must_use)]
fn f(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy).fit(net, x, y); //~
}
