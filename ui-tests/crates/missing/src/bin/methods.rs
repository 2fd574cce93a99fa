use shapewright::metrics::ConfusionMatrix;
use shapewright::prelude::*;

network! { struct Net: [1] -> [1] { Linear<_, 1> } }
network! {
    #[derive(Serialize)] //~ cargo add shapewright --features serde
    struct Written: [1] -> [1] { Linear<_, 1> }
}

static NET: Net = shapewright::include_weights!("net.safetensors"); //~ cargo add shapewright --features safetensors

fn weight_files(net: &mut Net, loader: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    net.save("net.safetensors")?; //~ cargo add shapewright --features safetensors
    net.save_with("net.safetensors", &[("epoch", "3")]).unwrap(); //~ --features safetensors
    let bytes: Vec<u8> = net.to_safetensors(&[]); //~ --features safetensors
    net.load("net.safetensors")?; //~ --features safetensors
    net.load_from(loader)?; //~ --features safetensors
    let _ = (bytes, &NET);
    Ok(())
}

fn training(net: &mut Net, x: &[Tensor1<1>]) -> Result<(), Box<dyn std::error::Error>> {
    let history = Net::trainer(Sgd::new(0.1), Mse)
        .epochs(3)
        .progress(true) //~ cargo add shapewright --features progress
        .batch_size(4)
        .fit(net, x, x)?;
    Net::trainer(Sgd::new(0.1), Mse).stop_on_ctrl_c(true).fit(net, x, x)?; //~ --features ctrlc
    history.draw("history.png")?; //~ cargo add shapewright --features plots

    let labels = Label::<2>::from_numbers(&[0, 1])?;
    let matrix = ConfusionMatrix::of_predictions(&labels, &labels);
    matrix.draw("matrix.png")?; //~ --features plots
    matrix.named(&["a", "b"]).draw("matrix.svg")?; //~ --features plots
    Ok(())
}

fn conversions(x: &mut Tensor2<1, 2>) -> Result<(), Box<dyn std::error::Error>> {
    let array = x.to_ndarray(); //~ cargo add shapewright --features ndarray
    let view = x.ndarray_view(); //~ --features ndarray
    x.ndarray_view_mut(); //~ --features ndarray
    let batch = Tensor::ndarray_batch_view(&[*x]); //~ --features ndarray
    let one: Tensor1<2> = Tensor::from_ndarray(&[1.0, 2.0])?; //~ --features ndarray
    let boxed = Tensor1::<2>::from_ndarray_boxed(&[1.0, 2.0])?; //~ --features ndarray
    let many = Tensor1::<2>::from_ndarray_batch(&[[1.0, 2.0]])?; //~ --features ndarray
    let over = Tensor1::<2>::over_ndarray(&[1.0, 2.0])?; //~ --features ndarray
    let over_batch = Tensor1::<2>::over_ndarray_batch(&[[1.0, 2.0]])?; //~ --features ndarray
    let read = Tensor1::<2>::deserialize_boxed("[1, 2]")?; //~ cargo add shapewright --features serde
    let all = Tensor1::<2>::deserialize_vec("[[1, 2]]")?; //~ --features serde
    Ok(())
}

fn main() {}
