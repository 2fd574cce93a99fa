//! use shapewright::metrics::*;
//! use shapewright::data::*;
//! network! { struct Net: [4] -> [3] { fc: Linear<_, 8>, Relu, head: Linear<_, 3> } }
//! network! { struct Classes: [4] -> [3] { Linear<_, 3>, Softmax } }
//! network! { struct Logs: [4] -> [3] { Linear<_, 3>, LogSoftmax } }
//! network! { struct Yes: [4] -> [1] { Linear<_, 1>, Sigmoid } }
//! network! { struct One: [4] -> [1] { Linear<_, 1> } }
//! network! { struct Image: [8, 8, 3] -> [3] { Flatten, Linear<_, 3> } }
//# softmax_before_cross_entropy
fn train(net: &mut Classes, x: &[Tensor1<4>], y: &[Label<3>]) {
    Classes::trainer(Adam::new(1e-3), CrossEntropy) //~ Softmax
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# softmax_before_cross_entropy_long
fn train(net: &mut Classes, x: &[Tensor1<4>], y: &[Label<3>]) {
    let history = Classes::trainer(Adam::new(1e-3), CrossEntropy) //~ Softmax
        .epochs(3)
        .batch_size(8)
        .validate(x, y)
        .metric(Accuracy::new())
        .early_stopping(3)
        .fit(net, x, y)
        .unwrap();
    println!("{:?}", history.epochs.len());
}
//# softmax_one_line
fn train(net: &mut Classes, x: &[Tensor1<4>], y: &[Label<3>]) {
    let _ = Classes::trainer(Adam::new(1e-3), CrossEntropy).fit(net, x, y); //~ Softmax
}
//# nll_without_log
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), Nll) //~ LogSoftmax
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# nll_on_softmax
fn train(net: &mut Classes, x: &[Tensor1<4>], y: &[Label<3>]) {
    Classes::trainer(Adam::new(1e-3), Nll) //~ LogSoftmax
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# bce_without_sigmoid
fn train(net: &mut One, x: &[Tensor1<4>], y: &[Tensor1<1>]) {
    One::trainer(Adam::new(1e-3), Bce) //~ BceWithLogits
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# bce_with_logits_after_sigmoid
fn train(net: &mut Yes, x: &[Tensor1<4>], y: &[Tensor1<1>]) {
    Yes::trainer(Adam::new(1e-3), BceWithLogits) //~ Sigmoid
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# label_9
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<9>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ Label<3> | Label<9>
        .unwrap();
}
//# usize_labels
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[usize]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ Label<3> | usize | from_numbers
        .unwrap();
}
//# u8_labels
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[u8]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ Label<3> | u8 | from_numbers
        .unwrap();
}
//# vec_usize_labels
fn train(net: &mut Net, x: &[Tensor1<4>], y: Vec<usize>) {
    let _ = Net::trainer(Adam::new(1e-3), CrossEntropy).fit(net, x, &y); //~ Label<3> | from_numbers
}
//# f32_targets
fn train(net: &mut One, x: &[Tensor1<4>], y: &[f32]) {
    One::trainer(Adam::new(1e-3), Mse)
        .epochs(3)
        .fit(net, x, y) //~ Tensor<Rank1<1>> | f32
        .unwrap();
}
//# one_hot_targets
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Tensor1<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ Label<3>
        .unwrap();
}
//# tensor_targets_of_another_size
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Tensor1<2>]) {
    Net::trainer(Adam::new(1e-3), Mse)
        .epochs(3)
        .fit(net, x, y) //~ Rank1<3> | Rank1<2>
        .unwrap();
}
//# labels_for_mse
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), Mse)
        .epochs(3)
        .fit(net, x, y) //~ Label<3>
        .unwrap();
}
//# f64_targets
fn train(net: &mut One, x: &[Tensor1<4>], y: &[Tensor1<1, f64>]) {
    One::trainer(Adam::new(1e-3), Mse)
        .epochs(3)
        .fit(net, x, y) //~ f64
        .unwrap();
}
//# swapped
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(CrossEntropy, Adam::new(1e-3)) //~ optimizer
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# optimizer_missing
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(CrossEntropy) //~
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# optimizer_twice
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), Sgd::new(1e-3)) //~ loss
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# string_for_optimizer
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer("adam", CrossEntropy) //~ optimizer
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# string_for_loss
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), "cross_entropy") //~ loss
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# loss_of_two_tensors
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CosineEmbedding) //~ tuple
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# class_weights
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy.class_weights([1.0, 2.0])) //~ weights
        .epochs(3)
        .fit(net, x, y)
        .unwrap();
}
//# metric_for_another_task
fn train(net: &mut One, x: &[Tensor1<4>], y: &[Tensor1<1>]) {
    One::trainer(Adam::new(1e-3), Mse)
        .epochs(3)
        .metric(Accuracy::new()) //~ Accuracy
        .fit(net, x, y)
        .unwrap();
}
//# regression_metric_for_classes
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .metric(MeanSquaredError::new()) //~ MeanSquaredError
        .fit(net, x, y)
        .unwrap();
}
//# roc_for_three_classes
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .metric(RocAuc::new()) //~ RocAuc
        .fit(net, x, y)
        .unwrap();
}
//# fit_inputs_of_another_shape
fn train(net: &mut Net, x: &[Tensor1<5>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ `Net` takes | Rank1<4> | Rank1<5>
        .unwrap();
}
//# fit_inputs_as_arrays
fn train(net: &mut Net, x: &[[f32; 4]], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ `Net` takes
        .unwrap();
}
//# fit_inputs_as_vectors
fn train(net: &mut Net, x: &[Vec<f32>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ `Net` takes | from_slice
        .unwrap();
}
//# fit_inputs_of_f64
fn train(net: &mut Net, x: &[Tensor1<4, f64>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ `Net` takes | f64
        .unwrap();
}
//# fit_swapped
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, y, x) //~ `Net` takes
        .unwrap();
}
//# fit_images_channels_first
fn train(net: &mut Image, x: &[Tensor3<3, 8, 8>], y: &[Label<3>]) {
    Image::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ `Image` takes | Rank3<8, 8, 3> | Rank3<3, 8, 8>
        .unwrap();
}
//# fit_a_vec_by_value
fn train(net: &mut Net, x: Vec<Tensor1<4>>, y: Vec<Label<3>>) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, &y) //~
        .unwrap();
}
//# fit_another_network
fn train(net: &mut One, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .fit(net, x, y) //~ Net
        .unwrap();
}
//# validate_inputs_of_another_shape
fn train(net: &mut Net, x: &[Tensor1<4>], v: &[Tensor1<5>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .validate(v, y) //~ `Net` takes | Rank1<5>
        .fit(net, x, y)
        .unwrap();
}
//# validate_labels_of_another_number
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>], v: &[Label<9>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .validate(x, v) //~ Label<9>
        .fit(net, x, y)
        .unwrap();
}
//# validate_usize
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>], v: &[usize]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .validate(x, v) //~ Label<3> | usize
        .fit(net, x, y)
        .unwrap();
}
//# validate_swapped
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3)
        .validate(y, x) //~ `Net` takes
        .fit(net, x, y)
        .unwrap();
}
//# float_epochs
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(3.0) //~
        .fit(net, x, y)
        .unwrap();
}
//# no_such_setting
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .epoch(3) //~ epochs
        .fit(net, x, y)
        .unwrap();
}
//# learning_rate_of_trainer
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .learning_rate(0.1) //~ learning_rate
        .fit(net, x, y)
        .unwrap();
}
//# schedule_of_another_kind
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .schedule(0.1) //~
        .fit(net, x, y)
        .unwrap();
}
//# augment_of_features
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy)
        .augment(shapewright::augment::RandomHorizontalFlip::new(0.5)) //~ RandomHorizontalFlip
        .fit(net, x, y)
        .unwrap();
}
//# no_such_network
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Nett::trainer(Adam::new(1e-3), CrossEntropy) //~ Nett
        .fit(net, x, y)
        .unwrap();
}
//# trainer_of_the_value
fn train(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    net.trainer(Adam::new(1e-3), CrossEntropy) //~ Net::trainer
        .fit(net, x, y)
        .unwrap();
}
//# network_with_a_mistake
network! { struct Wrong: [4] -> [3] {
    Linear<_, 8>,
    Linear<9, 3>, //~ 9]
} }
fn train(net: &mut Wrong, x: &[Tensor1<4>], y: &[Label<3>]) {
    Wrong::trainer(Adam::new(1e-3), CrossEntropy).epochs(3).fit(net, x, y).unwrap();
    net.evaluate(x, y).unwrap();
}
//# network_with_a_slip
network! { struct Wrong: [4] -> [3] {
    fc: Linear<_, 8>
    head: Linear<_, 3>, //~ expected `,`
} }
fn train(net: &mut Wrong, x: &[Tensor1<4>], y: &[Label<3>]) {
    Wrong::trainer(Adam::new(1e-3), CrossEntropy).epochs(3).fit(net, x, y).unwrap();
    net.evaluate(x, y).unwrap();
    println!("{}", net.fc.bias[0]);
}
//# network_with_a_wrong_name
network! { struct Wrong: [4] -> [3] {
    Residual {
        fc: Linear<_, HIDEN>, //~ HIDEN
        Linear<_, 4>,
    },
    head: Linear<_, 3>,
} }
fn train(net: &mut Wrong, x: &[Tensor1<4>], y: &[Label<3>]) {
    Wrong::trainer(Adam::new(1e-3), CrossEntropy).epochs(3).fit(net, x, y).unwrap();
    net.evaluate(x, y).unwrap();
    println!("{}", net.head.bias[0]);
}
//# softmax_inside_repeat
network! { struct Inside: [3] -> [3] { Repeat<2> { Linear<_, 3>, Softmax } } }
fn train(net: &mut Inside, x: &[Tensor1<3>], y: &[Label<3>]) {
    Inside::trainer(Adam::new(1e-3), CrossEntropy) //~ Softmax
        .fit(net, x, y)
        .unwrap();
}
//# softmax_before_dropout
network! { struct Inside: [3] -> [3] { Linear<_, 3>, Softmax, Dropout(0.5) } }
fn train(net: &mut Inside, x: &[Tensor1<3>], y: &[Label<3>]) {
    Inside::trainer(Adam::new(1e-3), CrossEntropy) //~ Softmax
        .fit(net, x, y)
        .unwrap();
}
//# softmax_before_flatten
network! { struct Inside: [1, 3] -> [3] { Linear<_, 3>, Softmax, Flatten } }
fn train(net: &mut Inside, x: &[Tensor2<1, 3>], y: &[Label<3>]) {
    Inside::trainer(Adam::new(1e-3), CrossEntropy) //~ Softmax
        .fit(net, x, y)
        .unwrap();
}
//# softmax_in_a_branch
network! { struct Inside: [3] -> [4] { Concat { a: { Linear<_, 2>, Softmax }, b: { Linear<_, 2>, Softmax } } } }
fn train(net: &mut Inside, x: &[Tensor1<3>], y: &[Label<4>]) {
    Inside::trainer(Adam::new(1e-3), CrossEntropy) //~ Softmax
        .fit(net, x, y)
        .unwrap();
}
//# softmax_in_a_nested_network
network! { struct Inside: [4] -> [3] { Relu, Classes } }
fn train(net: &mut Inside, x: &[Tensor1<4>], y: &[Label<3>]) {
    Inside::trainer(Adam::new(1e-3), CrossEntropy) //~ Softmax
        .fit(net, x, y)
        .unwrap();
}
