//! Normalizations.

use super::{Inputs, Outputs, Translator};
use crate::attributes::axis_of;
use crate::error::{Result, fail};
use crate::layout::{Value, size_of};
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::{Sizes, Tensor};

impl Translator<'_> {
    pub(super) fn normalization(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let operator = node.operator.as_str();
        if !operator.ends_with("Normalization") && operator != "LRN" {
            return Ok(None);
        }
        let x = inputs.computed(0)?.clone();
        if operator == "LRN" {
            return self.local_response(node, &x).map(|value| Some(vec![value]));
        }
        let value = match operator {
            "BatchNormalization" => self.batch_norm(node, inputs, &x)?,
            "InstanceNormalization" => {
                let image = self.image(&x)?;
                if !image.batch.is_empty() {
                    fail!(
                        "it takes a batch of several samples; translate the file for a batch of 1"
                    );
                }
                let eps = node.float("epsilon", 1e-5)?;
                let layer = Layer::new("InstanceNorm2d", &[image.source], &image.dims);
                let source = self.add(layer.argument("_").call(eps));
                let value = self.of_image(&x, &image, source);
                self.per_channel(&value, inputs.needed(1)?, inputs.needed(2)?)?
            }
            "GroupNormalization" => self.group_norm(node, inputs, &x)?,
            "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization" => {
                if self.is_read(node, 1) || self.is_read(node, 2) {
                    fail!("it gives the mean or the deviation, which the layer does not");
                }
                self.layer_norm(node, inputs, &x)?
            }
            "LpNormalization" => {
                let axis = axis_of(node.int("axis", -1)?, x.axes.len())?;
                let size = match node.int("p", 2)? {
                    1 => {
                        let sizes = self.apply(&x, Layer::new("Abs", &[], &[]));
                        let mean = self.reduced(&sizes, &[axis], true, "MeanOverTime")?;
                        self.scaled(&mean, x.shape()[axis] as f32)?
                    }
                    2 => {
                        let squares = self.powered(&x, 2.0)?;
                        let mean = self.reduced(&squares, &[axis], true, "MeanOverTime")?;
                        let sum = self.scaled(&mean, x.shape()[axis] as f32)?;
                        self.powered(&sum, 0.5)?
                    }
                    p => fail!("its `p` is {p}"),
                };
                let size = self.clamped(&size, Some(f32::MIN_POSITIVE), None)?;
                self.joined("Div", &[x, size])?
            }
            "MeanVarianceNormalization" => {
                let axes = node.sizes("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
                if axes.iter().any(|&axis| axis >= x.axes.len()) {
                    fail!("its `axes` are {axes:?}");
                }
                let rest = x.others(&axes);
                let last = x.in_memory(&axes);
                self.normalized(
                    &x,
                    rest,
                    last,
                    Layer::new("LayerNorm", &[], &[]).call(1e-9),
                    None,
                )?
            }
            _ => return Ok(None),
        };
        Ok(Some(vec![value]))
    }

    /// Multiplies each channel, which is axis 1, and adds to it.
    fn per_channel(&mut self, x: &Value, weight: &Tensor, bias: &Tensor) -> Result<Value> {
        let rank = x.axes.len();
        let channels = x.shape()[1];
        if weight.len() != channels || bias.len() != channels {
            fail!("its scale and its bias do not have a number for each of {channels} channels");
        }
        let mut sizes = vec![channels];
        sizes.resize(rank - 1, 1);
        self.affine(
            x,
            Some(&weight.reshaped(&sizes)),
            Some(&bias.reshaped(&sizes)),
        )
    }

    /// In inference, a factor and a summand for each channel.
    fn batch_norm(&mut self, node: &Node, inputs: &Inputs<'_>, x: &Value) -> Result<Value> {
        if node.flag("training_mode", false)? {
            fail!("it is in training mode; export the model in inference mode");
        }
        if x.axes.len() < 2 {
            fail!("it takes `[batch, channels, ..]`");
        }
        let eps = node.float("epsilon", 1e-5)?;
        let mut numbers = Vec::new();
        for index in 1..5 {
            numbers.push(inputs.needed(index)?.as_floats());
        }
        let count = numbers[0].len();
        if numbers.iter().any(|list| list.len() != count) {
            fail!("its parameters are not of one length");
        }
        let mut weight = Vec::with_capacity(count);
        let mut bias = Vec::with_capacity(count);
        let [scales, biases, means, variances] = &numbers[..] else {
            fail!("its parameters are missing");
        };
        let moments = means.iter().zip(variances.iter());
        for ((&scale, &summand), (&mean, &variance)) in
            scales.iter().zip(biases.iter()).zip(moments)
        {
            let factor = f64::from(scale) / (f64::from(variance) + f64::from(eps)).sqrt();
            weight.push(factor as f32);
            bias.push((f64::from(summand) - f64::from(mean) * factor) as f32);
        }
        let (weight, bias) = (
            Tensor::floats(&[count], weight),
            Tensor::floats(&[count], bias),
        );
        self.per_channel(x, &weight, &bias)
    }

    /// Divides by a power of a mean of squares over neighbouring channels, which is a product with a band
    /// matrix.
    fn local_response(&mut self, node: &Node, x: &Value) -> Result<Value> {
        let (alpha, beta) = (node.float("alpha", 1e-4)?, node.float("beta", 0.75)?);
        let bias = node.float("bias", 1.0)?;
        let size = usize::try_from(node.int("size", 1)?).unwrap_or(0);
        if x.axes.len() < 2 || size == 0 {
            fail!("it takes `[batch, channels, ..]`, and a size of at least 1");
        }
        let channels = x.shape()[1];
        if channels > 1 << 12 {
            fail!("it has {channels} channels, which is more than 4096");
        }
        let (before, behind) = ((size - 1) / 2, size / 2);
        let mut band = vec![0.0; channels * channels];
        for row in 0..channels {
            for column in row.saturating_sub(before)..(row + behind + 1).min(channels) {
                band[row * channels + column] = alpha / size as f32;
            }
        }
        let squares = self.powered(x, 2.0)?;
        let band = Tensor::floats(&[channels, channels], band);
        let means = self.linear(&squares, 1, &band, Some(vec![bias; channels]))?;
        let factors = self.powered(&means, -beta)?;
        self.joined("Mul", &[x.clone(), factors])
    }

    fn group_norm(&mut self, node: &Node, inputs: &Inputs<'_>, x: &Value) -> Result<Value> {
        let image = self.image(x)?;
        if !image.batch.is_empty() {
            fail!("it takes a batch of several samples; translate the file for a batch of 1");
        }
        let channels = image.dims[2];
        let groups = match usize::try_from(node.int("num_groups", 1)?) {
            Ok(groups) if groups > 0 && channels.is_multiple_of(groups) => groups,
            _ => fail!("its groups do not share {channels} channels equally"),
        };
        let layer = Layer::new("GroupNorm", &[image.source], &image.dims)
            .argument(groups)
            .argument("_")
            .argument("NoAffine")
            .call(node.float("epsilon", 1e-5)?);
        let source = self.add(layer);
        let value = self.of_image(x, &image, source);
        // Versions before 21 have a number for each group.
        let each = |tensor: &Tensor| {
            if tensor.len() != groups || groups == channels {
                return tensor.clone();
            }
            let at: Vec<usize> = (0..channels).map(|i| i / (channels / groups)).collect();
            tensor.gathered(&[channels], &at)
        };
        self.per_channel(&value, &each(inputs.needed(1)?), &each(inputs.needed(2)?))
    }

    fn layer_norm(&mut self, node: &Node, inputs: &Inputs<'_>, x: &Value) -> Result<Value> {
        let rank = x.axes.len();
        let axis = axis_of(node.int("axis", -1)?, rank)?;
        let axes: Vec<usize> = (axis..rank).collect();
        let (last, rest) = (x.in_memory(&axes), x.others(&axes));
        let is_rms = node.operator != "LayerNormalization";
        let kind = if is_rms { "RmsNorm" } else { "LayerNorm" };
        let layer = Layer::new(kind, &[], &[]).call(node.float("epsilon", 1e-5)?);

        let constants = (inputs.constant(1), inputs.constant(2));
        let (Ok(Some(weight)), Ok(bias)) = constants else {
            // Weights that the network computes.
            let mut value = self.normalized(x, rest, last, layer, None)?;
            for (index, operator) in [(1, "Mul"), (2, "Add")] {
                value = match inputs.0.get(index) {
                    Some(super::Meaning::Computed(other)) => {
                        self.joined(operator, &[value, other.clone()])?
                    }
                    Some(super::Meaning::Constant(constant)) if index == 1 => {
                        self.affine(&value, Some(constant), None)?
                    }
                    Some(super::Meaning::Constant(constant)) => {
                        self.affine(&value, None, Some(constant))?
                    }
                    _ => value,
                };
            }
            return Ok(value);
        };
        self.normalized(x, rest, last, layer, Some((weight, bias)))
    }

    /// Adds a normalization over the last of these atoms.
    fn normalized(
        &mut self,
        x: &Value,
        rest: Vec<crate::layout::Atom>,
        last: Vec<crate::layout::Atom>,
        layer: Layer,
        affine: Option<(&Tensor, Option<&Tensor>)>,
    ) -> Result<Value> {
        let dims = [size_of(&rest), size_of(&last)];
        let source = self.present(x, &[[rest.clone(), last.clone()].concat()])?;
        let source = self.reshape_to(source, &dims);
        let mut layer = layer.argument("_");
        layer.sources = vec![source];
        layer.dims = dims.to_vec();
        match affine {
            None => layer = layer.argument("NoAffine"),
            Some((weight, bias)) => {
                let fits = |tensor: &Tensor| {
                    crate::tensor::broadcast_shape(&x.shape(), &tensor.shape)
                        .is_ok_and(|shape| shape == x.shape())
                };
                if !fits(weight) || !bias.is_none_or(fits) {
                    fail!(
                        "its scale {} does not fit {}",
                        Sizes(&weight.shape),
                        Sizes(&x.shape())
                    );
                }
                let numbers = x.constant(weight, &last);
                layer = layer.tensor("weight", Tensor::floats(&[dims[1]], numbers));
                if layer.kind == "LayerNorm" {
                    match bias {
                        Some(bias) => {
                            let numbers = x.constant(bias, &last);
                            layer = layer.tensor("bias", Tensor::floats(&[dims[1]], numbers));
                        }
                        None => layer = layer.argument("NoBias"),
                    }
                }
            }
        }
        let source = self.add(layer);
        Ok(Value {
            order: [rest, last].concat(),
            ..self.keeps(x, source)
        })
    }
}
