//! use shapewright::{Pass, Workspace};
//! network! { struct Net: [4] -> [3] { fc: Linear<_, 8>, Relu, head: Linear<_, 3> } }
//! network! { struct One: [4] -> [1] { Linear<_, 1> } }
//# network_not_mut
fn f(x: &[Tensor1<4>], y: &[Label<3>]) {
    let net = Net::init(&mut shapewright::rng(0));
    Net::trainer(Adam::new(1e-3), CrossEntropy).fit(&mut net, x, y).unwrap(); //~ mut
}
//# network_by_value
fn f(net: Box<Net>, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy).fit(net, x, y).unwrap(); //~ &mut
}
//# network_shared
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    Net::trainer(Adam::new(1e-3), CrossEntropy).fit(net, x, y).unwrap(); //~ mut
}
//# workspace_not_mut
fn f(net: &Net, x: &[Tensor1<4>]) {
    let w = Net::workspace();
    let _ = net.forward_train(x, &mut w); //~ mut
}
//# workspace_by_value
fn f(net: &Net, x: &[Tensor1<4>]) {
    let w = Net::workspace();
    let _ = net.forward_train(x, w); //~ &mut
}
//# pass_not_mut
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    let mut w = Net::workspace();
    let pass = net.forward_train(x, &mut w);
    pass.loss(&CrossEntropy, y); //~ mut
}
//# pass_used_twice
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>], gradient: &mut Net) {
    let mut w = Net::workspace();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(&CrossEntropy, y);
    pass.backward(gradient);
    let _ = pass.outputs(); //~ pass
}
//# outputs_behind_the_pass
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>], gradient: &mut Net) {
    let mut w = Net::workspace();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(&CrossEntropy, y);
    let outputs = pass.outputs();
    pass.backward(gradient); //~ borrow
    println!("{:?}", outputs.len());
}
//# step_before_backward
fn f(net: &mut Net, x: &[Tensor1<4>], y: &[Label<3>], gradient: &mut Net) {
    let mut w = Net::workspace();
    let mut adam = Adam::new(1e-3).state::<Net>();
    let mut pass = net.forward_train(x, &mut w);
    pass.loss(&CrossEntropy, y);
    adam.step(net, gradient); //~ borrow
    pass.backward(gradient);
}
//# two_passes_in_one_workspace
fn f(net: &Net, x: &[Tensor1<4>], gradient: &mut Net) {
    let mut w = Net::workspace();
    let a = net.forward_train(x, &mut w);
    let b = net.forward_train(x, &mut w); //~ w
    a.backward(gradient);
    b.backward(gradient);
}
//# pass_returned
fn f<'a>(net: &'a Net, x: &'a [Tensor1<4>]) -> Pass<'a, 'a, Net> {
    let mut w = Net::workspace();
    net.forward_train(x, &mut w) //~ w
}
//# pass_with_one_lifetime
fn f<'a>(pass: &Pass<'a, Net>) {} //~ lifetime
//# gradient_shared
fn f(net: &Net, x: &[Tensor1<4>], gradient: &Net) {
    let mut w = Net::workspace();
    net.forward_train(x, &mut w).backward(gradient); //~ mut
}
//# gradient_of_another_network
fn f(net: &Net, x: &[Tensor1<4>], gradient: &mut One) {
    let mut w = Net::workspace();
    net.forward_train(x, &mut w).backward(gradient); //~ One
}
//# input_gradients_of_another_shape
fn f(net: &Net, x: &[Tensor1<4>], to: &mut [Tensor1<5>]) {
    let mut w = Net::workspace();
    net.forward_train(x, &mut w).input_gradients_into(to); //~ 5
}
//# input_gradients_of_an_inference
fn f(net: &Net, x: &Tensor1<4>) {
    let _ = net.forward(x).input_gradients(); //~ input_gradients
}
//# loss_of_an_inference
fn f(net: &Net, x: &[Tensor1<4>], y: &[Label<3>]) {
    let mut pass = net.forward_train(x); //~ argument
}
//# one_input_for_a_batch
fn f(net: &Net, x: &Tensor1<4>) {
    let mut w = Net::workspace();
    let _ = net.forward_train(x, &mut w); //~ [_]
}
//# generic_without_network
fn f<N>(net: &N, x: &[Tensor<N::Input>]) {} //~ Input
//# generic_classes
fn f<N: Network>(net: &N, x: &[Tensor<N::Input, N::Element>]) { let _ = net.classes(x); } //~ N: Network<Output = Rank1<CLASSES>>
//# generic_workspace_argument
fn f<N: Network>(net: &N, x: &[Tensor<N::Input, N::Element>], w: &mut Workspace<N>) {
    let mut own = N::workspace(); //~ has the bound `N: Trainable`
}
//# generic_loss
fn f<N: Trainable, L>(net: &mut N, loss: L) {
    let _ = N::trainer(Adam::new(1e-3), loss); //~ Loss
}
//# generic_optimizer
fn f<N: Trainable, O>(net: &mut N, optimizer: O) where Mse: Loss<N::Output, N::Element> {
    let _ = N::trainer(optimizer, Mse); //~ has the bound `O: Optimizer + Sync`
}
//# dyn_network
fn f(net: &dyn Network) {} //~ dyn
