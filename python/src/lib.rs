//! Networks as classes of Python: `#[export_python]` before a definition writes the class `PyNet` of
//! the network `Net`, whose methods are those of [`Class`].
//!
//! ```ignore
//! use pyo3::prelude::*;
//! use shapewright::prelude::*;
//!
//! network! {
//!     #[export_python]
//!     pub struct Mlp: [784] -> [10] { Linear<_, 64>, Relu, Linear<_, 10> }
//! }
//!
//! #[pymodule]
//! mod digits {
//!     #[pymodule_export]
//!     use super::PyMlp;
//! }
//! ```
//!
//! ```python
//! net = digits.Mlp.load("digits.safetensors")
//! y = net.forward(x)           # an array of float32 of the shape (784,): (10,)
//! y = net.forward_batch(xs)    # (n, 784): (n, 10), on all threads
//! ```
//!
//! The folder `example` has a package that maturin builds, its tests, and how its stub file is
//! written.

use std::fmt::Write;
use std::path::PathBuf;

use numpy::{
    Element as NumpyElement, PyArray, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods,
    PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use shapewright::Tensor;
use shapewright::tensor::{Dims, Shape};
use shapewright::weights::{Loader, SaveLoad};

pub use pyo3;
#[doc(hidden)]
pub use shapewright::Network;

/// Writes the class of a network; `#[export_python]` calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! class {
    (#[doc = $doc:literal] $vis:vis $class:ident $net:ident $name:literal) => {
        #[doc = $doc]
        #[$crate::pyo3::pyclass(name = $name, frozen, crate = "::shapewright_python::pyo3")]
        $vis struct $class($crate::Class<$net>);

        #[$crate::pyo3::pymethods]
        #[pyo3(crate = "::shapewright_python::pyo3")]
        impl $class {
            #[classattr]
            const PARAMS: usize = <$net as $crate::Network>::PARAMS;

            #[new]
            #[pyo3(signature = (seed = 0))]
            fn new(seed: u64) -> Self {
                $class($crate::Class::init(seed))
            }

            #[staticmethod]
            fn load(path: ::std::path::PathBuf) -> $crate::pyo3::PyResult<Self> {
                $crate::Class::load(path).map($class)
            }

            fn save(&self, path: ::std::path::PathBuf) -> $crate::pyo3::PyResult<()> {
                self.0.save(path)
            }

            #[pyo3(signature = (*x))]
            fn forward<'py>(
                &self,
                x: &$crate::pyo3::Bound<'py, $crate::pyo3::types::PyTuple>,
            ) -> $crate::pyo3::PyResult<$crate::pyo3::Bound<'py, $crate::pyo3::PyAny>> {
                self.0.forward(x)
            }

            #[pyo3(signature = (*x))]
            fn forward_batch<'py>(
                &self,
                x: &$crate::pyo3::Bound<'py, $crate::pyo3::types::PyTuple>,
            ) -> $crate::pyo3::PyResult<$crate::pyo3::Bound<'py, $crate::pyo3::PyAny>> {
                self.0.forward_batch(x)
            }
        }
    };
}

/// A network that Python calls; `#[export_python]` writes a class with these methods.
#[derive(Debug)]
pub struct Class<N> {
    net: Box<N>,
}

/// An array of a network's numbers.
type Array<'py, N> = Bound<'py, PyArrayDyn<<N as Network>::Element>>;

impl<N> Class<N>
where
    N: Network<Element: NumpyElement> + Send + Sync,
{
    /// Creates a network with random parameters, the same for the same seed.
    pub fn init(seed: u64) -> Self {
        Class {
            net: N::init(&mut shapewright::rng(seed)),
        }
    }

    /// Reads the weights of a safetensors file.
    ///
    /// # Errors
    /// Returns a `ValueError` if the file is damaged or has other weights, and an `OSError` if it
    /// can't be read.
    pub fn load(path: PathBuf) -> PyResult<Self> {
        let loaded = Loader::open(&path).and_then(|loader| loader.load());
        match loaded {
            Ok(net) => Ok(Class { net }),
            Err(error) if path.is_file() => Err(PyValueError::new_err(error.to_string())),
            Err(error) => Err(PyOSError::new_err(error.to_string())),
        }
    }

    /// Writes the weights to a safetensors file.
    ///
    /// # Errors
    /// Returns an `OSError` if the file can't be written.
    pub fn save(&self, path: PathBuf) -> PyResult<()> {
        let saved = self.net.save(path);
        saved.map_err(|error| PyOSError::new_err(error.to_string()))
    }

    /// Computes the outputs for one sample: `x` has an array for each of the network's inputs.
    ///
    /// # Errors
    /// Returns a `TypeError` or a `ValueError` if the arrays are others, with both shapes.
    pub fn forward<'py>(&self, x: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.compute(x, None)
    }

    /// Computes the outputs for a batch, which is the first axis of each array, on all threads.
    ///
    /// # Errors
    /// As [`forward`](Class::forward).
    pub fn forward_batch<'py>(&self, x: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let n = x.iter().next().and_then(|first| {
            let first = first.cast_into::<PyUntypedArray>().ok()?;
            first.shape().first().copied()
        });
        self.compute(x, Some(n.unwrap_or(0)))
    }

    /// Computes a batch, or one sample if there is none.
    fn compute<'py>(
        &self,
        x: &Bound<'py, PyTuple>,
        batch: Option<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = x.py();
        let inputs = readable::<N>(x, batch)?;
        let inputs = inputs.iter().map(|array| Ok(array.as_slice()?));
        let inputs: Vec<&[N::Element]> = inputs.collect::<PyResult<_>>()?;

        let shapes = parts(<N::Output as Shape>::DIMS);
        let arrays: Vec<Array<'py, N>> = shapes
            .iter()
            .map(|dims| PyArray::zeros(py, with_batch(batch, dims), false))
            .collect();
        let mut outputs: Vec<_> = arrays.iter().map(|array| array.readwrite()).collect();
        let outputs = outputs.iter_mut().map(|array| Ok(array.as_slice_mut()?));
        let outputs: Vec<&mut [N::Element]> = outputs.collect::<PyResult<_>>()?;

        let net = &*self.net;
        // Other threads of Python run meanwhile.
        py.detach(|| run(net, &inputs, outputs, batch.unwrap_or(1)));
        let [array] = &*arrays else {
            return Ok(PyTuple::new(py, arrays)?.into_any());
        };
        Ok(array.clone().into_any())
    }
}

/// Returns the shapes of a tuple, or the shape alone.
fn parts(dims: Dims) -> Vec<Dims> {
    match dims.parts() {
        [] => vec![dims],
        parts => parts.to_vec(),
    }
}

/// Returns the sizes of an array for a batch, or for one sample.
fn with_batch(batch: Option<usize>, dims: &Dims) -> Vec<usize> {
    batch.iter().chain(dims.sizes()).copied().collect()
}

/// Checks the arrays of the inputs, and borrows them.
fn readable<'py, N: Network<Element: NumpyElement>>(
    x: &Bound<'py, PyTuple>,
    batch: Option<usize>,
) -> PyResult<Vec<PyReadonlyArrayDyn<'py, N::Element>>> {
    let shapes = parts(<N::Input as Shape>::DIMS);
    if x.len() != shapes.len() {
        let (expected, found) = (shapes.len(), x.len());
        return Err(PyTypeError::new_err(format!(
            "`{}` takes {expected} arrays, but {found} came",
            N::NAME
        )));
    }

    let arrays = x.iter().zip(&shapes).enumerate();
    arrays
        .map(|(index, (array, dims))| {
            let name = match shapes.len() {
                1 => "the input".to_owned(),
                _ => format!("input {index}"),
            };
            let wanted = dtype::<N::Element>(x.py());
            let Ok(untyped) = array.cast::<PyUntypedArray>() else {
                let found = array.get_type().qualname()?;
                return Err(PyTypeError::new_err(format!(
                    "{name} of `{}` must be a NumPy array of {wanted}, but it is `{found}`",
                    N::NAME
                )));
            };
            let expected = with_batch(batch, dims);
            if untyped.shape() != expected {
                let what = match batch {
                    None => String::new(),
                    Some(_) => format!(", a batch of {dims}"),
                };
                return Err(PyValueError::new_err(format!(
                    "{name} of `{}` must have the shape {}{what}, but it has {}",
                    N::NAME,
                    tuple(&expected),
                    tuple(untyped.shape())
                )));
            }
            if !untyped.dtype().is_equiv_to(&wanted) || !untyped.is_c_contiguous() {
                let order = match untyped.is_c_contiguous() {
                    true => "",
                    false => " in another order",
                };
                return Err(PyTypeError::new_err(format!(
                    "{name} of `{}` must be a contiguous array of {wanted}, but it is one of \
                     {}{order}; `numpy.ascontiguousarray(x, \"{wanted}\")` makes it one",
                    N::NAME,
                    untyped.dtype()
                )));
            }
            let array = array.cast::<PyArrayDyn<N::Element>>()?;
            Ok(array.try_readonly()?)
        })
        .collect()
}

/// Returns sizes as Python writes them: `(2, 3)`, `(2,)`.
fn tuple(sizes: &[usize]) -> String {
    match sizes {
        [size] => format!("({size},)"),
        sizes => format!("{sizes:?}").replace('[', "(").replace(']', ")"),
    }
}

/// Computes `n` samples. Where there is one input and one output, nothing is copied.
fn run<N: Network>(
    net: &N,
    inputs: &[&[N::Element]],
    mut outputs: Vec<&mut [N::Element]>,
    n: usize,
) {
    let joined: Vec<N::Element>;
    let x = match inputs {
        [x] => *x,
        several => {
            joined = joined_samples(several, n);
            &joined
        }
    };
    let x = Tensor::<N::Input, N::Element>::batch_over(x).expect("the shapes were checked");

    let mut all: Vec<N::Element> = Vec::new();
    let y = match &mut *outputs {
        [y] => &mut **y,
        _ => {
            all.resize(n * <N::Output as Shape>::LEN, N::Element::default());
            &mut all
        }
    };
    let tensors = Tensor::<N::Output, N::Element>::batch_over_mut(y).expect("made for the outputs");
    match (x, tensors) {
        ([x], [y]) => net.forward_into(x, y),
        (x, y) => net.forward_batch(x, y),
    }
    if outputs.len() > 1 {
        split_samples(&all, &mut outputs, n);
    }
}

/// Returns all inputs of the first sample, then those of the next.
fn joined_samples<T: Copy>(inputs: &[&[T]], n: usize) -> Vec<T> {
    let samples = (0..n).flat_map(|sample| {
        inputs.iter().flat_map(move |input| {
            let len = input.len() / n;
            &input[sample * len..][..len]
        })
    });
    samples.copied().collect()
}

/// The inverse of [`joined_samples`].
fn split_samples<T: Copy>(all: &[T], outputs: &mut [&mut [T]], n: usize) {
    let mut rest = all;
    for sample in 0..n {
        for output in &mut *outputs {
            let len = output.len() / n;
            let (part, others) = rest.split_at(len);
            output[sample * len..][..len].copy_from_slice(part);
            rest = others;
        }
    }
}

/// Returns the class in a stub file, with the shapes in its documentation.
pub fn stub<N: Network>() -> String {
    let name = N::NAME;
    let number = match size_of::<N::Element>() {
        4 => "numpy.float32",
        _ => "numpy.float64",
    };
    let array = format!("numpy.typing.NDArray[{number}]");
    let inputs = parts(<N::Input as Shape>::DIMS);
    let outputs = parts(<N::Output as Shape>::DIMS);
    let arguments: String = (0..inputs.len())
        .map(|index| match inputs.len() {
            1 => format!(", x: {array}"),
            _ => format!(", x{index}: {array}"),
        })
        .collect();
    let returned = match outputs.len() {
        1 => array.clone(),
        n => format!("tuple[{}]", vec![&*array; n].join(", ")),
    };
    let shapes = |dims: &[Dims], batch: &str| {
        let shapes = dims.iter().map(|dims| {
            let sizes = dims.sizes().iter().map(usize::to_string);
            let sizes: Vec<String> = batch
                .split_terminator(',')
                .map(str::to_owned)
                .chain(sizes)
                .collect();
            match &*sizes {
                [size] => format!("({size},)"),
                sizes => format!("({})", sizes.join(", ")),
            }
        });
        shapes.collect::<Vec<_>>().join(", ")
    };

    let mut stub = String::new();
    let written = write!(
        stub,
        r#"class {name}:
    """The network `{name}` with its {params} parameters."""

    PARAMS: int

    def __init__(self, seed: int = 0) -> None:
        """Creates a network with random parameters, the same for the same seed."""

    @staticmethod
    def load(path: str | os.PathLike[str]) -> {name}:
        """Reads the weights of a safetensors file."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the weights to a safetensors file."""

    def forward(self{arguments}, /) -> {returned}:
        """Computes {one_out} from {one_in}."""

    def forward_batch(self{arguments}, /) -> {returned}:
        """Computes {many_out} from {many_in}, on all threads."""
"#,
        params = N::PARAMS,
        one_in = shapes(&inputs, ""),
        one_out = shapes(&outputs, ""),
        many_in = shapes(&inputs, "n"),
        many_out = shapes(&outputs, "n"),
    );
    written.expect("a string takes any text");
    stub
}

/// The beginning of a stub file, before the classes.
pub const STUB_IMPORTS: &str = "import os\n\nimport numpy\nimport numpy.typing\n";
