//! Convolutions, pooling and padding. ONNX has the channels first, and this crate last: a `Transpose`
//! stands before and behind, where two cancel out.

use super::{Attribute, Export, Exported, Graph};
use crate::kernels::{Axis, Divisor, Plane, Reach};
use crate::params::Parameters;
use crate::tensor::Element;

/// Moves the channels to the front.
pub(super) fn channels_first(graph: &mut Graph, x: &str, axes: usize) -> String {
    match axes {
        0 => x.to_owned(),
        1 => graph.transpose(x, &[0, 2, 1]),
        _ => graph.transpose(x, &[0, 3, 1, 2]),
    }
}

/// Moves the channels to the end.
pub(super) fn channels_last(graph: &mut Graph, x: &str, axes: usize) -> String {
    match axes {
        0 => x.to_owned(),
        1 => graph.transpose(x, &[0, 2, 1]),
        _ => graph.transpose(x, &[0, 2, 3, 1]),
    }
}

/// A convolution over one axis, which is the second one, or two.
pub(in crate::nn) struct Convolution {
    pub axes: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
    pub causal: bool,
    pub output_pad: Option<[usize; 2]>,
}

/// Returns the sizes of the axes that there are.
fn of_axes(axes: usize, sizes: [usize; 2]) -> Vec<i64> {
    sizes[2 - axes..].iter().map(|&size| size as i64).collect()
}

pub(in crate::nn) fn convolution<T: Element, P: Parameters<T>>(
    conv: &Convolution,
    params: &P,
    mut call: Export<'_>,
) -> Exported {
    let weight = call.param(params, "weight")?;
    let bias = call.optional_param(params, "bias");
    convolution_of(conv, &weight, bias.as_deref(), call)
}

/// Writes a convolution with these tensors.
pub(super) fn convolution_of(
    conv: &Convolution,
    weight: &str,
    bias: Option<&str>,
    call: Export<'_>,
) -> Exported {
    let x = call.one()?;
    let axes = conv.axes;
    let graph = call.graph;

    let before = if conv.causal {
        [0, conv.dilation[1] * (conv.kernel[1] - 1)]
    } else {
        conv.pad
    };
    let behind = if conv.causal { [0, 0] } else { conv.pad };
    let pads = [of_axes(axes, before), of_axes(axes, behind)].concat();
    let mut attributes = vec![
        Attribute::Ints("kernel_shape", of_axes(axes, conv.kernel)),
        Attribute::Ints("strides", of_axes(axes, conv.stride)),
        Attribute::Ints("dilations", of_axes(axes, conv.dilation)),
        Attribute::Ints("pads", pads),
        Attribute::Int("group", conv.groups as i64),
    ];
    let operator = match conv.output_pad {
        Some(pad) => {
            attributes.push(Attribute::Ints("output_padding", of_axes(axes, pad)));
            "ConvTranspose"
        }
        None => "Conv",
    };

    let x = channels_first(graph, &x, axes);
    let mut inputs = vec![&x[..], weight];
    inputs.extend(bias);
    let y = graph.node(operator, &inputs, &attributes);
    Ok(channels_last(graph, &y, axes).into())
}

/// The function of each window.
#[derive(Clone, Copy)]
pub(in crate::nn) enum Pool {
    Max,
    Mean(Divisor),
}

/// Writes a pooling. Its output may lack the axes of the windows.
pub(in crate::nn) fn pool(call: Export<'_>, plane: &Plane, pool: Pool) -> Exported {
    let axes = call.input().sizes().len() - 1;
    let x = call.one()?;
    let graph = call.graph;
    let x = channels_first(graph, &x, axes);

    let all = [plane.rows, plane.cols];
    let own = &all[2 - axes..];
    let y = match own
        .iter()
        .copied()
        .map(Window::of)
        .collect::<Option<Vec<_>>>()
    {
        Some(windows) => by_windows(graph, &x, &windows, pool),
        None => {
            let over =
                |x: String, (axis, own): (usize, &Axis)| evenly(graph, &x, axis + 2, own, pool);
            own.iter().enumerate().fold(x, over)
        }
    };
    let y = channels_last(graph, &y, axes);
    let sizes = call.output.sizes();
    Ok(if sizes.len() == axes + 1 {
        y.into()
    } else {
        graph.reshape(&y, sizes).into()
    })
}

/// Equal windows along an axis.
#[derive(Clone, Copy)]
struct Window {
    kernel: usize,
    stride: usize,
    pad: usize,
    dilation: usize,
}

impl Window {
    fn of(axis: Axis) -> Option<Self> {
        match axis.reach {
            Reach::Windows {
                kernel,
                stride,
                pad,
                dilation,
            } => Some(Window {
                kernel,
                stride,
                pad,
                dilation,
            }),
            _ => None,
        }
    }
}

fn by_windows(graph: &mut Graph, x: &str, windows: &[Window], pool: Pool) -> String {
    let each = |f: fn(&Window) -> usize| windows.iter().map(|w| f(w) as i64).collect::<Vec<_>>();
    let pads = each(|w| w.pad);
    let mut attributes = vec![
        Attribute::Ints("kernel_shape", each(|w| w.kernel)),
        Attribute::Ints("strides", each(|w| w.stride)),
        Attribute::Ints("pads", [&pads[..], &pads].concat()),
    ];
    match pool {
        Pool::Max => {
            attributes.push(Attribute::Ints("dilations", each(|w| w.dilation)));
            graph.node("MaxPool", &[x], &attributes)
        }
        Pool::Mean(divisor) => {
            let counts = matches!(divisor, Divisor::Kernel);
            attributes.push(Attribute::Int("count_include_pad", counts.into()));
            graph.node("AveragePool", &[x], &attributes)
        }
    }
}

/// Pools an axis in windows whose lengths differ by one, as adaptive pooling has them.
fn evenly(graph: &mut Graph, x: &str, at: usize, axis: &Axis, pool: Pool) -> String {
    let operator = match pool {
        Pool::Max => "ReduceMax",
        Pool::Mean(_) => "ReduceMean",
    };
    let Axis { input, output, .. } = *axis;
    let windows: Vec<String> = (0..output)
        .map(|i| {
            let (start, end) = (i * input / output, ((i + 1) * input).div_ceil(output));
            let window = graph.slice(x, at, start, end);
            graph.reduce(operator, &window, &[at], true)
        })
        .collect();
    let windows: Vec<&str> = windows.iter().map(String::as_str).collect();
    graph.concat(&windows, at)
}

/// Writes an upsampling of an image by whole factors.
pub(in crate::nn) fn upsample(call: Export<'_>, is_linear: bool) -> Exported {
    let x = call.one()?;
    let graph = call.graph;
    let factor = |axis: usize| call.output.size(axis) as f32 / call.inputs[0].size(axis) as f32;
    let scales = graph.singles(&[1.0, 1.0, factor(0), factor(1)]);
    let attributes = if is_linear {
        vec![
            Attribute::Text("mode", "linear"),
            Attribute::Text("coordinate_transformation_mode", "half_pixel"),
        ]
    } else {
        vec![
            Attribute::Text("mode", "nearest"),
            Attribute::Text("coordinate_transformation_mode", "asymmetric"),
            Attribute::Text("nearest_mode", "floor"),
        ]
    };
    let x = channels_first(graph, &x, 2);
    let y = graph.node("Resize", &[&x, "", &scales], &attributes);
    Ok(channels_last(graph, &y, 2).into())
}

/// Writes a padding: `before` and `behind` have a number for each axis of a sample. `mode` is that
/// of ONNX's `Pad`.
pub(in crate::nn) fn pad(
    call: Export<'_>,
    before: &[usize],
    behind: &[usize],
    mode: &str,
) -> Exported {
    let x = call.one()?;
    let graph = call.graph;
    let pads: Vec<i64> = [&[0], before, &[0], behind]
        .concat()
        .iter()
        .map(|&pad| pad as i64)
        .collect();
    let pads = graph.ints(&pads);
    let mode = [Attribute::Text("mode", mode)];
    Ok(graph.node("Pad", &[&x, &pads], &mode).into())
}
