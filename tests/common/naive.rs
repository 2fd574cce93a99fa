//! Naive networks: functions on vectors of `f64`, which may have a state.

/// A naive network: it maps an input to an output, or the next input of a stream to the next output.
pub type Naive = Box<dyn FnMut(&[f64]) -> Vec<f64>>;

/// Maps each number with its position.
pub fn map(mut f: impl FnMut(usize, f64) -> f64 + 'static) -> Naive {
    Box::new(move |x| x.iter().enumerate().map(|(i, &x)| f(i, x)).collect())
}

/// A dense layer.
pub fn dense<const I: usize, const O: usize>(weight: &[[f64; O]; I], bias: &[f64; O]) -> Naive {
    let (weight, bias) = (*weight, *bias);
    Box::new(move |x| {
        assert_eq!(x.len(), I);
        (0..O)
            .map(|o| bias[o] + (0..I).map(|i| x[i] * weight[i][o]).sum::<f64>())
            .collect()
    })
}

/// Layers one after another.
pub fn chain(layers: impl IntoIterator<Item = Naive>) -> Naive {
    let mut layers: Vec<Naive> = layers.into_iter().collect();
    Box::new(move |x| layers.iter_mut().fold(x.to_vec(), |x, layer| layer(&x)))
}

/// The sum of two branches.
pub fn sum(mut a: Naive, mut b: Naive) -> Naive {
    Box::new(move |x| a(x).iter().zip(b(x)).map(|(a, b)| a + b).collect())
}

/// The input itself.
pub fn identity() -> Naive {
    map(|_, x| x)
}

/// Branches on the same input, with adjacent outputs.
pub fn join(branches: impl IntoIterator<Item = Naive>) -> Naive {
    let mut branches: Vec<Naive> = branches.into_iter().collect();
    Box::new(move |x| branches.iter_mut().flat_map(|branch| branch(x)).collect())
}
