//! use shapewright::metrics::*;
//! use shapewright::data::*;
//! use shapewright::train::*;
//! type Res<T> = Result<T, Box<dyn std::error::Error>>;
//! network! { struct Net: [4] -> [3] { fc: Linear<_, 8>, Relu, head: Linear<_, 3> } }
//! network! { struct One: [4] -> [1] { Linear<_, 1> } }
//! network! { struct Two: [4] -> (a: [2], b: [3]) { a: Linear<_, 2>, b: Linear<_, 3> <- input } }
//# predict_one
fn f(net: &Net, x: &Tensor1<4>) { let _ = net.predict(x); } //~ [_]
//# predict_a_vec_by_value
fn f(net: &Net, x: Vec<Tensor1<4>>) { let _ = net.predict(x); } //~ &
//# predict_another_shape
fn f(net: &Net, x: &[Tensor1<5>]) { let _ = net.predict(x); } //~ `Net` takes | Rank1<5>
//# predict_arrays
fn f(net: &Net) { let _ = net.predict(&[[1.0, 2.0, 3.0, 4.0]]); } //~ `Net` takes | Tensor1::from
//# predict_references
fn f(net: &Net, x: &[&Tensor1<4>]) { let _ = net.predict(x); } //~ `Net` takes
//# classes_of_two_outputs
fn f(net: &Two, x: &[Tensor1<4>]) { let _ = net.classes(x); } //~ no axis of classes
//# classes_of_another_number
fn f(net: &Net, x: &[Tensor1<4>]) { let _: Vec<Label<9>> = net.classes(x); } //~ 3 | 9
//# classes_of_another_shape
fn f(net: &Net, x: &[Tensor1<5>]) { let _ = net.classes(x); } //~ `Net` takes
//# probabilities_of_two_outputs
fn f(net: &Two, x: &[Tensor1<4>]) { let _ = net.probabilities(x); } //~ no axis of classes
//# probabilities_as_labels
fn f(net: &Net, x: &[Tensor1<4>]) { let _: Vec<Label<3>> = net.probabilities(x); } //~ Label<3>
//# probabilities_of_one
fn f(net: &Net, x: &Tensor1<4>) { let _ = net.probabilities(x); } //~ [_]
//# output_compared_with_a_label
fn f(net: &Net, x: &Tensor1<4>, y: Label<3>) -> bool { net.forward(x) == y } //~ Label<3>
//# class_compared_with_a_number
fn f(net: &Net, x: &Tensor1<4>) -> bool { net.forward(x).class() == 2 } //~ Label<3>
//# evaluate_vectors_by_value
fn f(net: &Net, x: Vec<Tensor1<4>>, y: Vec<Label<3>>) { let _ = net.evaluate(x, &y); } //~ &
//# evaluate_without_question_mark
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) { let _ = net.evaluate(x, y).accuracy(); } //~ Result
//# evaluate_one_hot
fn f(net: &Net, x: &[Tensor1<4>], y: &[Tensor1<3>]) { let _ = net.evaluate(x, y); } //~ Label<3>
//# evaluate_two_outputs
fn f(net: &Two, x: &[Tensor1<4>], y: &[Label<3>]) { let _ = net.evaluate(x, y); } //~ no axis of classes
//# accuracy_as_f32
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) -> Res<f32> {
    let accuracy: f32 = net.evaluate(x, y)?.accuracy()?; //~ f64
    Ok(accuracy)
}
//# question_mark_without_result
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    let confusion = net.evaluate(x, y)?; //~ Result
}
//# measure_swapped
fn f(net: &One, x: &[Tensor1<4>], y: &[Tensor1<1>]) {
    let _ = net.measure(y, x, &mut [&mut MeanAbsoluteError::new()]); //~ `One` takes
}
//# measure_metric_by_value
fn f(net: &One, x: &[Tensor1<4>], y: &[Tensor1<1>]) {
    let _ = net.measure(x, y, &mut [MeanAbsoluteError::new()]); //~ &mut
}
//# measure_one_metric
fn f(net: &One, x: &[Tensor1<4>], y: &[Tensor1<1>]) {
    let mut error = MeanAbsoluteError::new();
    let _ = net.measure(x, y, &mut error); //~ &mut
}
//# metric_of_labels_of_another_number
fn f(y: &[Tensor1<3>], labels: &[Label<9>]) { let _ = Accuracy::new().of(y, labels); } //~ Label<9>
//# metric_value_without_question_mark
fn f(confusion: &ConfusionMatrix<3>) -> f64 { confusion.accuracy() } //~ Result
//# confusion_of_another_number
fn f(y: &[Tensor1<3>], labels: &[Label<3>]) { let _ = ConfusionMatrix::<9>::of(y, labels); } //~ 9
//# roc_auc_of_logits_of_classes
fn f(y: &[Tensor1<3>], labels: &[Label<3>]) { let _ = RocAuc::new().of(y, labels); } //~ RocAuc
//# cross_validate_with_a_number
fn f(x: &[Tensor1<4>], y: &[Label<3>]) -> Res<()> {
    let scores = cross_validate(x, y, 5, |x, y| train(x, y), |net, x, y| Ok(net.evaluate(x, y)?.accuracy()?))?; //~ Fold
    Ok(())
}
fn train(x: &[Tensor1<4>], y: &[Label<3>]) -> Res<Box<Net>> { todo!() }
//# cross_validate_without_ok
fn f(x: &[Tensor1<4>], y: &[Label<3>], folds: &[Fold]) -> Res<()> {
    let scores = cross_validate(x, y, folds, |x, y| train(x, y), |net: &Box<Net>, x, y| {
        net.evaluate(x, y).unwrap().accuracy().unwrap() //~ Result
    })?;
    Ok(())
}
fn train(x: &[Tensor1<4>], y: &[Label<3>]) -> Res<Box<Net>> { todo!() }
//# prelude_forgotten
mod inner {
    pub fn f() { let _ = super::Net::init(&mut shapewright::rng(0)); } //~ Network
}
//# prelude_forgotten_for_evaluate
mod inner {
    use shapewright::{Network, Tensor1};
    pub fn f(net: &super::Net, x: &[Tensor1<4>]) { let _ = net.classes(x); } //~ Classify
}
//# loss_of_pytorch
fn f() { let _ = Net::trainer(Adam::new(1e-3), CrossEntropyLoss); } //~ CrossEntropy
//# loss_called
fn f() { let _ = Net::trainer(Adam::new(1e-3), CrossEntropy()); } //~ CrossEntropy
//# optimizer_with_parameters
fn f(net: &mut Net) { let _ = Adam::new(net.params(), 1e-3); } //~ argument
//# learning_rate_as_a_whole_number
fn f() { let _ = Adam::new(1); } //~ f64
//# optimizer_without_state
fn f(net: &mut Net, gradient: &Net) {
    let mut adam = Adam::new(1e-3);
    adam.step(net, gradient); //~ .state::<Net>()
}
//# step_swapped
fn f(net: &mut Net, gradient: &Net) {
    let mut adam = Adam::new(1e-3).state::<Net>();
    adam.step(gradient, net); //~ mut
}
//# gradient_of_another_network
fn f(net: &mut Net, gradient: &One) {
    let mut adam = Adam::new(1e-3).state::<Net>();
    adam.step(net, gradient); //~ One
}
